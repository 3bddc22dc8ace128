"""RMSprop: the gradient divided by its running magnitude."""

from __future__ import annotations

from typing import final

from graphc.ir.node import Tensor
from graphc.ops.elementwise import add, mul, rsqrt, square, sub

from .optimizer import Optimizer, State, Step


@final
class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012), with running mean v of squares and momentum b

    v = rho * v + (1 - rho) * g**2
    d = rate * g / sqrt(v + epsilon)              plain
    d = rate * g / sqrt(v - a**2 + epsilon)       centered, a = rho * a + (1 - rho) * g
    b = momentum * b + d
    w = w - b,  or w - d without momentum
    """

    def __init__(
        self, learning_rate: float = 0.001, rho: float = 0.9, momentum: float = 0.0,
        epsilon: float = 1e-7, centered: bool = False, decay: float = 0.0, *,
        lr: float | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, lr=lr, decay=decay, name=name)
        self.rho, self.momentum, self.epsilon = rho, momentum, epsilon
        self.centered = centered
        optional = {"momentum": momentum != 0, "average_gradient": centered}
        self.slots = ("velocity", *(slot for slot, used in optional.items() if used))

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        v = self._mean(state["velocity"], square(gradient))
        new, spread = {"velocity": v}, v
        if self.centered:
            a = new["average_gradient"] = self._mean(state["average_gradient"], gradient)
            spread = sub(v, square(a))
        move = mul(mul(gradient, step.rate), rsqrt(add(spread, self.epsilon)))
        if self.momentum:
            move = new["momentum"] = add(mul(state["momentum"], self.momentum), move)
        return sub(parameter, move), new

    def _mean(self, past: Tensor, value: Tensor) -> Tensor:
        return add(mul(past, self.rho), mul(value, 1.0 - self.rho))

    def get_config(self) -> dict[str, object]:
        own = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon}
        return {**super().get_config(), **own, "centered": self.centered}
