"""Adamax: Adam with the largest gradient so far in the place of the root of the mean square."""

from __future__ import annotations

from typing import final

from graphc.ir.node import Tensor
from graphc.ops import elementwise
from graphc.ops.elementwise import maximum

from .moments import AbstractMoments
from .step import State, Step


@final
class Adamax(AbstractMoments):
    """Adamax (Kingma and Ba 2015, algorithm 2), at step t = 1, 2, ...

        m = m + (1 - beta_1) * (g - m)
        u = max(beta_2 * u, |g|)
        w = w - rate / (1 - beta_1**t) * m / (u + epsilon)

    The state is m and u.
    """

    slots = ("momentum", "norm")

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        m, u, t = state["momentum"], state["norm"], step.number
        m = self.first(m, gradient)
        u = maximum(self.beta_2 * u, elementwise.abs(gradient))
        rate = step.rate / (1 - self.beta_1**t)
        return parameter - rate * m / (u + self.epsilon), {"momentum": m, "norm": u}
