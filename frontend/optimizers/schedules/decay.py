"""Schedules that fall steadily or in stairs; with step t, decay_steps n and initial rate r."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import final

from graphc.errors import ArgumentError
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import convert
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import ceil, floor, less_equal, maximum, minimum, where

from .schedule import LearningRateSchedule, as_rate


class AbstractDecay(LearningRateSchedule):
    """A rate that depends on t / n, which is rounded down in stairs."""

    is_graph = True

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, decay_rate: float,
        staircase: bool = False, name: str | None = None,
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.decay_rate = initial_learning_rate, decay_rate
        self.decay_steps, self.staircase = positive(decay_steps), staircase
        self.name = name or type(self).__name__

    @eager_on_arrays
    def __call__(self, step: TensorLike) -> Tensor:
        passed = as_rate(step) / self.decay_steps
        return self.fallen(floor(passed) if self.staircase else passed)

    @abstractmethod
    def fallen(self, passed: Tensor) -> Tensor:
        """The rate after that many times n steps."""


@final
class ExponentialDecay(AbstractDecay):
    """r * decay_rate ** (t / n), with t / n rounded down in stairs.

    >>> float(ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20))
    0.02500000037252903
    """

    def fallen(self, passed: Tensor) -> Tensor:
        return self.initial_learning_rate * self.decay_rate**passed


@final
class InverseTimeDecay(AbstractDecay):
    """r / (1 + decay_rate * t / n), with t / n rounded down in stairs.

    >>> float(InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0)(10))
    0.05000000074505806
    """

    def fallen(self, passed: Tensor) -> Tensor:
        return self.initial_learning_rate / (1 + self.decay_rate * passed)


@final
class PolynomialDecay(LearningRateSchedule):
    """(r - end) * (1 - t / n) ** power + end, and end after n steps.

    With `cycle` n is the first multiple of decay_steps that is not below t, so the rate rises again
    after each.

    >>> float(PolynomialDecay(0.05, decay_steps=10, end_learning_rate=0.0)(5))
    0.02500000037252903
    """

    is_graph = True

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, end_learning_rate: float = 0.0001,
        power: float = 1.0, cycle: bool = False, name: str = "PolynomialDecay",
    ) -> None:  # fmt: skip
        self.initial_learning_rate = initial_learning_rate
        self.end_learning_rate, self.power = end_learning_rate, power
        self.decay_steps, self.cycle, self.name = positive(decay_steps), cycle, name

    @eager_on_arrays
    def __call__(self, step: TensorLike) -> Tensor:
        passed = as_rate(step) / self.decay_steps
        part = passed / maximum(ceil(passed), 1.0) if self.cycle else minimum(passed, 1.0)
        fall = self.initial_learning_rate - self.end_learning_rate
        return fall * (1 - part) ** self.power + self.end_learning_rate


@final
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] up to and including step boundaries[i], and the last value after all boundaries.

    >>> rate = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    >>> [round(float(rate(step)), 6) for step in (100, 101, 201)]
    [0.1, 0.01, 0.001]
    """

    is_graph = True

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                "there is one boundary less than there are values",
                received=f"{len(boundaries)} boundaries and {len(values)} values",
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    @eager_on_arrays
    def __call__(self, step: TensorLike) -> Tensor:
        rate = convert.as_tensor(float(self.values[-1]))
        for boundary, value in reversed(list(zip(self.boundaries, self.values))):
            rate = where(less_equal(step, boundary), float(value), rate)
        return rate


def positive(steps: int) -> int:
    """The number of steps of a decay; ArgumentError unless it is positive."""
    if steps <= 0:
        raise ArgumentError("a decay takes at least one step", received=steps)
    return steps
