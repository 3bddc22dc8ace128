"""Layers that add noise in training; the functions they call are in graphc/ops/dropout.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack, final

from graphc.errors import ArgumentError
from graphc.frontend.seeds import SeedGenerator
from graphc.ir.node import Tensor
from graphc.ops import dropout

from .layer import Layer
from .spec import LayerOptions


@final
class Dropout(Layer):
    """In training y = x / (1 - rate) with probability 1 - rate, else 0; in inference y = x.

    Each training call draws another mask, and announces the next number of its sequence as an
    effect. `noise_shape` shares the draw along its axes of size 1.
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None, **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        if not 0 <= rate <= 1:
            raise ArgumentError("a rate is a probability", received=rate, expected="0 .. 1")
        self.rate, self.seed = rate, seed
        self.noise_shape = tuple(noise_shape) if noise_shape is not None else None
        self.seed_generator = SeedGenerator(seed, name=self.name)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        return dropout.dropout(inputs, self.rate, self.seed_generator.next_key(), self.noise_shape)
