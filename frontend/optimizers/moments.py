"""The base of optimizers with running means of gradients and of their squares or sizes."""

from __future__ import annotations

from typing import Unpack

from graphc.ir.node import Tensor

from .optimizer import Optimizer
from .options import Options
from .rate import GivenRate


class AbstractMoments(Optimizer):
    """`beta_1` is the share of the past in the mean of gradients, `beta_2` that in the other."""

    def __init__(
        self, learning_rate: GivenRate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, **options: Unpack[Options],
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def first(self, m: Tensor, gradient: Tensor) -> Tensor:
        """The mean of gradients with one more: m + (1 - beta_1) * (g - m)."""
        return m + (1 - self.beta_1) * (gradient - m)
