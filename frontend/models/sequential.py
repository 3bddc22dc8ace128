"""A model that is a list of layers, each taking the output of the one before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack, cast, final

from graphc.errors import ArgumentError
from graphc.frontend.layers.layer import Layer, outside_of_calls
from graphc.frontend.layers.shaping import Input, InputLayer
from graphc.frontend.layers.spec import BuildShape, LayerOptions, build_shape
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree

from .model import Model


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
        self.chain = [Input(input_shape[1:], input_shape[0], self.dtype)]
        for layer in self.layers:
            self._extend(layer)
        self._wire()

    def build_once(self, tensors: Tree[Tensor]) -> None:
        if not self.built and isinstance(tensors, Tensor):
            self.dtype = tensors.dtype if not tensors.dtype.is_float else self.dtype
            self.build((None, *build_shape(tensors.shape)[1:]))

    def call(self, inputs: Tree[Tensor]) -> Tensor:
        for layer in self.stack:
            inputs = layer(inputs)
        return cast(Tensor, inputs)

    def _extend(self, layer: Layer) -> None:
        with outside_of_calls():
            self.chain.append(layer(self.chain[-1]))
        self._wire()

    def _wire(self) -> None:
        self.wire(self.chain[0], self.chain[-1])

    def get_config(self) -> dict[str, object]:
        parts = [{"class_name": type(p).__name__, "config": p.get_config()} for p in self.stack]
        return {"name": self.name, "layers": parts}
