"""Lion: steps of one size, in the direction of the sign of a momentum."""

from __future__ import annotations

from typing import Unpack, final

from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops.elementwise import sign

from .optimizer import Optimizer
from .options import Options
from .rate import GivenRate
from .step import State, Step


@final
class Lion(Optimizer):
    """Lion (Chen et al. 2023, algorithm 2)

        w = w - rate * sign(beta_1 * m + (1 - beta_1) * g)
        m = beta_2 * m + (1 - beta_2) * g

    The state is m. Rates are 3 to 10 times smaller than for Adam, weight decay larger.
    """

    slots = ("momentum",)

    def __init__(
        self, learning_rate: GivenRate = 0.001, beta_1: float = 0.9, beta_2: float = 0.99,
        **options: Unpack[Options],
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        if not 0 < beta_1 <= 1:
            raise ArgumentError("beta_1 of Lion is above 0 and up to 1", received=beta_1)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        m = state["momentum"]
        direction = sign(self.beta_1 * m + (1 - self.beta_1) * gradient)
        m = self.beta_2 * m + (1 - self.beta_2) * gradient
        return parameter - step.rate * direction, {"momentum": m}
