"""Schedules along a cosine (Loshchilov and Hutter 2017, equation 5)."""

from __future__ import annotations

import math
from typing import final

from graphc import dtypes
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import convert
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import cos, floor, greater_equal, less, log, maximum, minimum, where

from .decay import positive
from .schedule import LearningRateSchedule, as_rate


@final
class CosineDecay(LearningRateSchedule):
    """r * ((1 - alpha) * (1 + cos(pi * t / n)) / 2 + alpha), and r * alpha after n steps.

    With a `warmup_target` the rate first goes from r to it in a straight line, in `warmup_steps`,
    and decays from there.

    >>> rate = CosineDecay(0.0, decay_steps=100, warmup_target=1.0, warmup_steps=10)
    >>> [round(float(rate(step)), 6) for step in (0, 5, 10, 60, 110)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    is_graph = True

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, alpha: float = 0.0,
        name: str = "CosineDecay", warmup_target: float | None = None, warmup_steps: int = 0,
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, positive(decay_steps)
        self.alpha, self.name = alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    @eager_on_arrays
    def __call__(self, step: TensorLike) -> Tensor:
        passed = as_rate(step)
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, passed)
        decayed = self._decayed(self.warmup_target, passed - self.warmup_steps)
        slope = (self.warmup_target - self.initial_learning_rate) / max(self.warmup_steps, 1)
        warming = slope * passed + self.initial_learning_rate
        return where(less(passed, self.warmup_steps), warming, decayed)

    def _decayed(self, start: float, passed: Tensor) -> Tensor:
        part = minimum(passed / self.decay_steps, 1.0)
        return start * ((1 - self.alpha) * 0.5 * (1 + cos(math.pi * part)) + self.alpha)


@final
class CosineDecayRestarts(LearningRateSchedule):
    """A cosine decay that begins again: n steps, then t_mul * n, then t_mul**2 * n, ...

    In period i the cosine starts at r * m_mul**i; alpha is as in `CosineDecay`.

    >>> rate = CosineDecayRestarts(1.0, first_decay_steps=10, m_mul=0.5)
    >>> [round(float(rate(step)), 6) for step in (0, 5, 10, 20, 30)]
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    is_graph = True

    def __init__(
        self, initial_learning_rate: float, first_decay_steps: int, t_mul: float = 2.0,
        m_mul: float = 1.0, alpha: float = 0.0, name: str = "SGDRDecay",
    ) -> None:  # fmt: skip
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = positive(first_decay_steps)
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    @eager_on_arrays
    def __call__(self, step: TensorLike) -> Tensor:
        period, part = self._period(as_rate(step) / self.first_decay_steps)
        height = self.m_mul**period
        decayed = (1 - self.alpha) * 0.5 * height * (1 + cos(math.pi * part)) + self.alpha
        return self.initial_learning_rate * decayed

    def _period(self, passed: Tensor) -> tuple[Tensor, Tensor]:
        """The number of the period, and how much of it has passed, 0 .. 1."""
        if self.t_mul == 1.0:
            return floor(passed), passed - floor(passed)
        period = floor(log(1 + passed * (self.t_mul - 1)) / math.log(self.t_mul))
        # The logarithm may be a little too small where a period begins.
        begun = greater_equal(passed, self._start(period + 1))
        period = period + convert.cast(begun, dtypes.float32)
        return period, maximum((passed - self._start(period)) / self.t_mul**period, 0.0)

    def _start(self, period: Tensor) -> Tensor:
        """1 + t_mul + ... + t_mul**(period - 1)."""
        return (self.t_mul**period - 1) / (self.t_mul - 1)
