"""Nadam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import final

from graphc.ir.node import Tensor
from graphc.ops.elementwise import sqrt, square

from .moments import AbstractMoments
from .step import State, Step


@final
class Nadam(AbstractMoments):
    """Nadam (Dozat 2016, algorithm 2), at step t = 1, 2, ... with momenta u_t that rise to beta_1

        u_t = beta_1 * (1 - 0.96**t / 2),     p = u_1 * u_2 * ... * u_t
        m = m + (1 - beta_1) * (g - m)
        v = v + (1 - beta_2) * (g**2 - v)
        n = u_(t+1) * m / (1 - p * u_(t+1)) + (1 - u_t) * g / (1 - p)
        w = w - rate * n / (sqrt(v / (1 - beta_2**t)) + epsilon)

    The state is m and v of each parameter, and p.
    """

    slots = ("momentum", "velocity")
    shared = {"u_product": 1.0}  # noqa: RUF012

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        m, v, t, p = state["momentum"], state["velocity"], step.number, step.shared["u_product"]
        u, ahead = self._u(t), self._u(t + 1)
        m = self.first(m, gradient)
        v = v + (1 - self.beta_2) * (square(gradient) - v)
        n = ahead / (1 - p * ahead) * m + (1 - u) / (1 - p) * gradient
        size = sqrt(v / (1 - self.beta_2**t)) + self.epsilon
        return parameter - step.rate * n / size, {"momentum": m, "velocity": v}

    def advance(self, shared: State, number: Tensor) -> State:
        return {"u_product": shared["u_product"] * self._u(number)}

    def _u(self, number: Tensor) -> Tensor:
        return self.beta_1 * (1 - 0.5 * 0.96**number)
