"""Layers one after the other, as one layer: for images with masks and labels beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self, Unpack, cast, final

from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.registry import Given, layer_of
from graphc.frontend.layers.spec import BaseOptions
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree

from .base import TrainingByDefault


@final
class Pipeline(TrainingByDefault):
    """y = layers[-1](... layers[0](x)), for images alone or with what belongs to them.

    >>> import numpy as np
    >>> from graphc.frontend.layers import RandomFlip, RandomRotation
    >>> augment = Pipeline([RandomFlip("horizontal", seed=1), RandomRotation(0.05, seed=2)])
    >>> augment(np.zeros((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(self, layers: Sequence[Layer | Given], **options: Unpack[BaseOptions]) -> None:
        super().__init__(**options)
        self.layers = [layer_of(layer) for layer in layers]

    def call(self, inputs: Tree[Tensor], training: bool = False) -> Tree[Tensor]:  # pyright: ignore
        for layer in self.layers:
            inputs = layer(inputs, training=training)
        return inputs

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A pipeline from what `get_config` gave."""
        return cls(**cast("Mapping[str, Sequence[Given]]", config))  # pyright: ignore
