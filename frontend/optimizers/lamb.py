"""Lamb: Adam with steps in proportion to the norm of each parameter."""

from __future__ import annotations

from typing import final

from graphc.ir.node import Tensor
from graphc.ops.elementwise import greater, logical_and, sqrt, square, where

from .clip import norm
from .moments import AbstractMoments
from .step import State, Step


@final
class Lamb(AbstractMoments):
    """Lamb (You et al. 2020, algorithm 2), at step t = 1, 2, ...

        m = m + (1 - beta_1) * (g - m)
        v = v + (1 - beta_2) * (g**2 - v)
        u = m / (1 - beta_1**t) / (sqrt(v / (1 - beta_2**t)) + epsilon)
        w = w - rate * |w| / |u| * u          with 1 for |w| / |u| where a norm is 0

    The state is m and v.
    """

    slots = ("momentum", "velocity")

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        m, v, t = state["momentum"], state["velocity"], step.number
        m = self.first(m, gradient)
        v = v + (1 - self.beta_2) * (square(gradient) - v)
        u = m / (1 - self.beta_1**t) / (sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        w_norm, u_norm = norm([parameter]), norm([u])
        both = logical_and(greater(w_norm, 0), greater(u_norm, 0))
        ratio = where(both, w_norm / u_norm, 1.0)
        return parameter - ratio * step.rate * u, {"momentum": m, "velocity": v}
