"""The base of all schedules: a learning rate as a function of the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from graphc import dtypes
from graphc.errors import NotSupportedError
from graphc.frontend.lookup import own_arguments
from graphc.ir.node import Tensor
from graphc.ops import convert
from graphc.ops.convert import TensorLike


class LearningRateSchedule:
    """The learning rate at each step, counted from 0; a subclass says it in `__call__(step)`.

    In a compiled step the argument is a symbolic integer, and the result becomes part of the graph.
    Python's own `if`, `and`, `min` and `while` on it may be used: every path is built (see
    `graphc.frontend.optimizers.rate`). What needs a number, such as `math.cos(step)` or
    `table[step]`, is asked before each step instead.

    >>> class Halved(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         if step < 1000:
    ...             return 0.1
    ...         return 0.05
    >>> from graphc.frontend.optimizers import SGD
    >>> optimizer = SGD(Halved())
    >>> round(float(optimizer.learning_rate), 6)
    0.1
    """

    # Whether `__call__` is made of tensor functions alone, and its graph needs no check.
    is_graph: ClassVar[bool] = False

    def __call__(self, step: TensorLike) -> TensorLike:
        """The learning rate of a step."""
        raise NotSupportedError(
            f"{type(self).__name__} does not say its learning rate",
            fix="define __call__(self, step)",
        )

    def get_config(self) -> dict[str, object]:
        """The arguments that make this schedule again: the attributes of their names."""
        return own_arguments(self)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A schedule from what `get_config` gave."""
        return cls(**config)


def as_rate(step: TensorLike) -> Tensor:
    """A step as a number to compute with."""
    return convert.cast(step, dtypes.float32)
