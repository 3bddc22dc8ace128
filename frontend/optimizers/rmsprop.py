"""RMSprop: the gradient divided by its running magnitude."""

from __future__ import annotations

from typing import Unpack, final

from graphc.ir.node import Tensor
from graphc.ops.elementwise import rsqrt, square

from .optimizer import Optimizer
from .options import Options
from .rate import GivenRate
from .step import State, Step


@final
class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012, lecture 6.5), with running mean v of squares, momentum b

        v = rho * v + (1 - rho) * g**2
        d = rate * g / sqrt(v + epsilon)              plain
        d = rate * g / sqrt(v - a**2 + epsilon)       centered, a = rho * a + (1 - rho) * g
        b = momentum * b + d
        w = w - b,  or w - d without momentum         (Graves 2013, eq. 38-45)

    >>> from graphc.ops.variable import variable
    >>> w = variable([0.0], name="doctest_w")
    >>> _ = RMSprop(0.001).apply_gradients([([2.0], w)])
    >>> round(float(w.numpy()[0]), 7)
    -0.0031623
    """

    slots = ("velocity",)

    def __init__(
        self, learning_rate: GivenRate = 0.001, rho: float = 0.9, momentum: float = 0.0,
        epsilon: float = 1e-7, centered: bool = False, **options: Unpack[Options],
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.rho, self.momentum, self.epsilon = rho, momentum, epsilon
        self.centered = centered
        optional = {"momentum": momentum != 0, "average_gradient": centered}
        self.more_slots = tuple(slot for slot, used in optional.items() if used)

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        v = self.rho * state["velocity"] + (1 - self.rho) * square(gradient)
        new, spread = {"velocity": v}, v
        if self.centered:
            a = self.rho * state["average_gradient"] + (1 - self.rho) * gradient
            new["average_gradient"], spread = a, v - square(a)
        move = step.rate * gradient * rsqrt(spread + self.epsilon)
        if self.momentum:
            move = new["momentum"] = self.momentum * state["momentum"] + move
        return parameter - move, new
