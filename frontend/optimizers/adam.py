"""Adam and AdamW: steps of about the learning rate, by running means of gradients."""

from __future__ import annotations

from typing import Unpack, final

from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops.elementwise import maximum, sqrt, square

from .moments import AbstractMoments
from .options import Common, Options
from .rate import GivenRate
from .step import State, Step


class Adam(AbstractMoments):
    """Adam (Kingma and Ba 2015, the form at the end of section 2), at step t = 1, 2, ...

        m = m + (1 - beta_1) * (g - m)
        v = v + (1 - beta_2) * (g**2 - v)
        w = w - rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)

    With amsgrad the largest v so far takes the place of v in the last line (Reddi et al. 2018).
    The state is m, v and that largest v.

    >>> from graphc.ops.variable import variable
    >>> w = variable([1.0], name="doctest_w")
    >>> _ = Adam(0.1).apply_gradients([([3.0], w)])
    >>> round(float(w.numpy()[0]), 4)
    0.9
    """

    slots = ("momentum", "velocity")

    def __init__(
        self, learning_rate: GivenRate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, amsgrad: bool = False, **options: Unpack[Options],
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.amsgrad = amsgrad
        self.more_slots = ("velocity_hat",) if amsgrad else ()

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        m, v, t = state["momentum"], state["velocity"], step.number
        m = self.first(m, gradient)
        v = v + (1 - self.beta_2) * (square(gradient) - v)
        new = {"momentum": m, "velocity": v}
        if self.amsgrad:
            v = new["velocity_hat"] = maximum(state["velocity_hat"], v)
        rate = step.rate * sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        return parameter - rate * m / (sqrt(v) + self.epsilon), new


@final
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).

        w = w - rate * weight_decay * w,      then Adam

    >>> from graphc.ops.variable import variable
    >>> w = variable([2.0], name="doctest_w")
    >>> _ = AdamW(1.0, weight_decay=0.004).apply_gradients([([0.0], w)])
    >>> round(float(w.numpy()[0]), 6)
    1.992
    """

    def __init__(
        self, learning_rate: GivenRate = 0.001, weight_decay: float = 0.004, beta_1: float = 0.9,
        beta_2: float = 0.999, epsilon: float = 1e-7, amsgrad: bool = False,
        **options: Unpack[Common],
    ) -> None:  # fmt: skip
        if weight_decay is None:
            raise ArgumentError("AdamW has a weight_decay", received=None, fix="use Adam without")
        given = Options(**options, weight_decay=weight_decay)
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, **given)
