"""A model that is a list of layers, each taking the output of the one before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack, final

from graphc.errors import ArgumentError
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.shaping import InputLayer
from graphc.frontend.layers.spec import BuildShape, LayerOptions, build_shape
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree
from graphc.ops.leaf import placeholder

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
        for layer in layers:
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without a declaration of the input."""
        return [layer for layer in self.stack if not isinstance(layer, InputLayer)]

    def add(self, layer: Layer | Tensor) -> None:
        """Put a layer at the end."""
        if isinstance(layer, Tensor):
            layer = InputLayer(build_shape(layer.shape)[1:], layer.dtype, layer.name)
        if not isinstance(layer, Layer):
            raise ArgumentError("not a layer", received=repr(layer), fix="add(Dense(10))")
        if any(layer is other for other in self.stack):
            raise ArgumentError(
                f"{layer.name} is in the model already", fix="make another layer of the same kind"
            )
        if not self.stack and layer.declared_shape is not None:
            self.dtype, self.declared_shape = layer.dtype, layer.declared_shape
        self.stack.append(layer)
        if self.declared_shape is not None:
            self.build(self.declared_shape)

    def pop(self) -> Layer:
        """Take the last layer away."""
        if not self.stack:
            raise ArgumentError("the model has no layers")
        return self.stack.pop()

    def build(self, input_shape: BuildShape) -> None:
        """Build all layers for inputs of this shape, in the model's dtype."""
        output = self.call(placeholder(input_shape, self.dtype))
        self.output_shape = build_shape(output.shape)
        self.declared_shape, self.built = input_shape, True

    def build_once(self, tensors: Tree[Tensor]) -> None:
        # The layers build themselves in the call that follows, with the dtype of the data.
        if not self.built and isinstance(tensors, Tensor):
            self.declared_shape, self.built = build_shape(tensors.shape), True

    def call(self, inputs: Tensor) -> Tensor:
        for layer in self.stack:
            inputs = layer(inputs)
        return inputs

    def get_config(self) -> dict[str, object]:
        parts = [{"class_name": type(p).__name__, "config": p.get_config()} for p in self.stack]
        return {"name": self.name, "layers": parts}
