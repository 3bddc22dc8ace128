"""The base of layers around a layer."""

from __future__ import annotations

from typing import Unpack

from .layer import Layer
from .registry import Given, layer_of
from .spec import BuildShape, LayerOptions


class Wrapper(Layer):
    """A layer that does something with another one, its `layer`; a subclass says what in `call`.

    >>> from graphc.frontend.layers import Dense
    >>> class Twice(Wrapper):
    ...     def call(self, inputs):
    ...         return self.layer(inputs) * 2
    >>> Twice(Dense(1, kernel_initializer="ones"))([[1.0, 2.0]]).numpy().tolist()
    [[6.0]]
    """

    def __init__(self, layer: Given, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.layer = layer_of(layer)

    def build(self, input_shape: BuildShape) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
