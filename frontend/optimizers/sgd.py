"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Unpack, final

from graphc.errors import ArgumentError
from graphc.ir.node import Tensor

from .optimizer import Optimizer
from .options import Options
from .rate import GivenRate
from .step import State, Step


@final
class SGD(Optimizer):
    """Gradient descent w = w - rate * g, or with momentum m (Polyak 1964)

        v = m * v - rate * g
        w = w + v                        plain
        w = w + m * v - rate * g         nesterov (Nesterov 1983; Sutskever et al. 2013, eq. 3-4)

    The state is the velocity v, where there is momentum.

    >>> from graphc.ops.variable import variable
    >>> w = variable([1.0], name="doctest_w")
    >>> _ = SGD(0.1).apply_gradients([([2.0], w)])
    >>> round(float(w.numpy()[0]), 6)
    0.8
    """

    def __init__(
        self, learning_rate: GivenRate = 0.01, momentum: float = 0.0, nesterov: bool = False,
        **options: Unpack[Options],
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        if not 0 <= momentum <= 1:
            raise ArgumentError(
                "`momentum` must be a float between [0, 1].", received=repr(momentum)
            )
        self.momentum, self.nesterov = momentum, nesterov
        self.more_slots = ("momentum",) if momentum else ()

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        move = step.rate * gradient
        if not self.momentum:
            return parameter - move, {}
        v = self.momentum * state["momentum"] - move
        ahead = self.momentum * v - move if self.nesterov else v
        return parameter + ahead, {"momentum": v}
