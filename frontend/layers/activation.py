"""An activation as a layer of its own."""

from __future__ import annotations

from typing import Unpack, final

from graphc.frontend import activations
from graphc.ir.node import Tensor

from .layer import Layer
from .spec import LayerOptions


@final
class Activation(Layer):
    """y = activation(x), by name or function; the shape stays.

    >>> from graphc.ops.leaf import placeholder
    >>> Activation("softmax")(placeholder((None, 10))).shape[1:]
    (10,)
    """

    def __init__(
        self, activation: str | activations.Activation, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)
