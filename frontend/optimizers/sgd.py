"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import final

from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops.elementwise import add, mul, sub

from .optimizer import Optimizer, State, Step


@final
class SGD(Optimizer):
    """w = w - rate * g, or with momentum m

        v = m * v - rate * g
        w = w + v                        plain
        w = w + m * v - rate * g         nesterov (Nesterov 1983)

    The state is the velocity v where there is momentum.
    """

    def __init__(
        self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False,
        decay: float = 0.0, *, lr: float | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, lr=lr, decay=decay, name=name)
        if not 0 <= momentum <= 1:
            raise ArgumentError("momentum is 0 .. 1", received=momentum)
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = ("momentum",) if momentum else ()

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        move = mul(gradient, step.rate)
        if not self.momentum:
            return sub(parameter, move), {}
        velocity = sub(mul(state["momentum"], self.momentum), move)
        ahead = sub(mul(velocity, self.momentum), move) if self.nesterov else velocity
        return add(parameter, ahead), {"momentum": velocity}

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
