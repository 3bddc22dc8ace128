"""A model that is a list of layers, each taking the output of the one before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self, Unpack, cast, final

from graphc.dtypes import as_dtype
from graphc.errors import ArgumentError
from graphc.frontend.layers.binding import Named
from graphc.frontend.layers.layer import Layer, outside_of_calls
from graphc.frontend.layers.shaping import Input, InputLayer
from graphc.frontend.layers.spec import BuildShape, LayerOptions, build_shape
from graphc.frontend.saving.objects import (
    Json,
    deserialize_keras_object,
    serialize_keras_object,
)
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree

from .model import Model
from .wiring import with_axes_of


@final
class Sequential(Model):
    """y = layers[-1](... layers[0](x)).

    The weights are made when the input shape is known: at once if the first layer says it (or is an
    `Input`), else at the first call.

    >>> from graphc.frontend.layers import Dense
    >>> model = Sequential([Dense(4, activation="relu", input_shape=(3,)), Dense(1)])
    >>> model.count_params(), model.output_shape
    (21, (None, 1))
    """

    def __init__(
        self, layers: Iterable[Layer | Tensor] = (), **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.stack: list[Layer] = []
        # The symbolic input and the outputs of the layers, as soon as the input is known.
        self.chain: list[Tensor] = []
        for layer in layers:
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without a declaration of the input."""
        return [layer for layer in self.stack if not isinstance(layer, InputLayer)]

    def add(self, layer: Layer | Tensor) -> None:
        """Put a layer at the end."""
        if isinstance(layer, Tensor):
            layer = InputLayer.of(layer)
        if not isinstance(layer, Layer):
            raise ArgumentError("not a layer", received=repr(layer), fix="add(Dense(10))")
        if any(layer is other for other in self.stack):
            raise ArgumentError(
                f"{layer.name} is in the model already", fix="make another layer of the same kind"
            )
        if not self.stack and layer.declared_shape is not None:
            self.dtype, self.declared_shape = layer.dtype, layer.declared_shape
        self.stack.append(layer)
        if self.chain:
            self._extend(layer)
        elif self.declared_shape is not None:
            self.build(self.declared_shape)

    def pop(self) -> Layer:
        """Take the last layer away."""
        if not self.stack:
            raise ArgumentError("the model has no layers")
        layer = self.stack.pop()
        if len(self.chain) > 1:
            self.chain.pop()
            layer.symbolic_calls.pop()
            self._wire()
        return layer

    def build(self, input_shape: BuildShape) -> None:
        """Build all layers for inputs of this shape, in the model's dtype."""
        self.declared_shape = input_shape
        declared = next((x.name for x in self.stack if isinstance(x, InputLayer)), None)
        self.chain = [Input(input_shape[1:], input_shape[0], self.dtype, name=declared)]
        for layer in self.layers:
            self._extend(layer)
        self._wire()

    def build_once(self, tensors: Tree[Tensor], named: Named | None = None) -> None:
        if not self.built and isinstance(tensors, Tensor):
            self.dtype = tensors.dtype if not tensors.dtype.is_float else self.dtype
            self.build((None, *build_shape(tensors.shape)[1:]))

    def call(self, inputs: Tree[Tensor]) -> Tensor:
        if self.chain and isinstance(inputs, Tensor):
            inputs = with_axes_of(self.chain[0], inputs)
        for layer in self.stack:
            inputs = layer(inputs)
        return cast(Tensor, inputs)

    def _extend(self, layer: Layer) -> None:
        with outside_of_calls():
            self.chain.append(layer(self.chain[-1]))
        self._wire()

    def _wire(self) -> None:
        self.wire(self.chain[0], self.chain[-1])

    def names_in_files(self) -> dict[str, str]:
        return {"stack": "layers"}

    def get_config(self) -> dict[str, object]:
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype.name,
            "layers": [serialize_keras_object(layer) for layer in self.stack],
            "build_input_shape": self.declared_shape,
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, object], custom_objects: Mapping[str, object] | None = None
    ) -> Self:
        model = cls(name=cast("str | None", config.get("name")))
        # Before there are layers: each of them has its own word on it.
        model.trainable = bool(config.get("trainable", True))
        found = deserialize_keras_object(cast(Json, config["layers"]), custom_objects)
        for layer in cast("list[Layer]", found):
            model.add(layer)
        shape = config.get("build_input_shape")
        if shape is not None and not model.built:
            model.dtype = as_dtype(cast(str, config.get("dtype", model.dtype.name)))
            model.build(tuple(cast("list[int | None]", shape)))
        return model
