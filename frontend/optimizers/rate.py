"""Where the learning rate comes from: a number that may be changed, or a function of the step.

A function of the step becomes part of the training graph, its Python `if`s included: all of its
paths are built and `where` chooses (graphc/ops/paths.py). The graph is then compared with the
function at many steps, among them all that its numbers name. Where that fails, since the function
needs a number (`math.cos(step)`, `table[step]`), looks the step up in a dict or keeps a state, it
is asked in Python before each step: `prepare` puts the rates of the next steps into a table, which
the graph reads. A step that nobody prepared has the rate NaN, never one of another step.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, final

import numpy as np

from graphc import dtypes
from graphc.errors import ArgumentError, ModeError
from graphc.frontend.eager import eager
from graphc.ir.graph import substitute, topological
from graphc.ir.mode import evaluating_with, is_eager
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, index, leaf
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import clip, greater_equal, less, logical_and, sub, where
from graphc.ops.paths import all_paths
from graphc.ops.variable import Variable, variable
from graphc.target import backend

from .schedules import LearningRateSchedule

OfStep = Callable[[TensorLike], TensorLike]
GivenRate = float | LearningRateSchedule | OfStep | Callable[[], TensorLike]

# The most steps that can be prepared at once.
PREPARED = 4096
# What a function of Python numbers becomes.
_SCALAR = {*elementwise.OPS, convert.cast_op, *(leaf.full_op, leaf.constant_op)}
_SCALAR |= {leaf.placeholder_op, leaf.variable_op}


class Rate(Protocol):
    """A source of learning rates."""

    @property
    def variables(self) -> list[Variable]:
        """What has to be saved with the optimizer."""
        ...

    @property
    def steps_at_once(self) -> int:
        """The most steps that `prepare` takes."""
        ...

    def at(self, iterations: Tensor) -> Tensor:
        """The rate of a step, as graph: a float32 scalar."""
        ...

    def prepare(self, first: int, steps: int) -> None:
        """Make ready for steps first .. first + steps - 1."""
        ...


def rate_of(given: GivenRate, owner: str) -> Rate:
    """The source that is meant by a number, a schedule or a function; ArgumentError otherwise."""
    return Scheduled(given, owner) if callable(given) else Settable(given, owner)


@final
class Settable:
    """A number in a variable; another one needs no new compilation."""

    def __init__(self, value: float, owner: str) -> None:
        name = f"{owner}/learning_rate"
        self.value = variable(_checked(value), dtypes.float32, name=name, trainable=False)

    def set(self, value: float) -> None:
        """Take another number from now on."""
        self.value.assign(_checked(value))

    @property
    def variables(self) -> list[Variable]:
        return [self.value]

    @property
    def steps_at_once(self) -> int:
        return sys.maxsize

    def at(self, iterations: Tensor) -> Tensor:
        return self.value

    def prepare(self, first: int, steps: int) -> None:
        pass


@final
class Scheduled:
    """A function of the step, or of nothing; see the top of this file."""

    def __init__(self, given: Callable[..., TensorLike], owner: str) -> None:
        self.given, self.owner = given, owner
        self.takes_step = isinstance(given, LearningRateSchedule) or _takes_step(given)
        self.table: Table | None = None

    @property
    def variables(self) -> list[Variable]:
        return []

    @property
    def steps_at_once(self) -> int:
        return sys.maxsize if self.table is None else PREPARED

    def at(self, iterations: Tensor) -> Tensor:
        if is_eager():
            return convert.as_tensor(np.float32(self.value(int(iterations.numpy()))))
        if self.table is None:
            step = leaf.placeholder((), dtypes.int64, name="step")
            if (found := self._graph(step)) is not None:
                wide = convert.cast(iterations, dtypes.int64)
                return substitute([found], {step: wide})[0]
            self.table = Table(self.owner)
        return self.table.at(iterations)

    def prepare(self, first: int, steps: int) -> None:
        if self.table is not None:
            self.table.fill(first, self.values(range(first, first + steps)))

    def value(self, step: int) -> float:
        """The rate of a step, by asking the function now."""
        return self.values([step])[0]

    def values(self, steps: Iterable[int]) -> list[float]:
        """The rates of some steps, by asking the function now."""
        with eager("reference"):
            return [_number(self._asked(step)) for step in steps]

    def _asked(self, step: int) -> TensorLike:
        if not self.takes_step:
            return self.given()
        try:
            return self.given(step)
        except (ArithmeticError, AttributeError, TypeError):
            # Made for tensors: 0 ** -0.5, step.astype(...).
            return self.given(convert.as_tensor(np.int64(step)))

    def _graph(self, step: Tensor) -> Tensor | None:
        """The rate as graph over a symbolic step; None where it has to be asked for."""
        try:
            with evaluating_with(None):
                result = all_paths(self._of, step)
        except (ModeError, TypeError):
            return None
        rate = convert.cast(result, dtypes.float32)
        if not self.takes_step:
            # A number that was given once may be another one at the next step.
            return None if _is_constant(rate) else rate
        if isinstance(self.given, LearningRateSchedule) and self.given.is_graph:
            return rate
        return rate if self._agrees(rate, step) else None

    def _of(self, step: Tensor) -> TensorLike:
        return self.given(step) if self.takes_step else self.given()

    def _agrees(self, rate: Tensor, step: Tensor) -> bool:
        """Whether the graph gives what the function gives, wherever it is likely to change."""
        if not all(node.op in _SCALAR for node in topological([rate])):
            # Written for tensors: there is nothing to mistake.
            return True
        with eager("reference"):
            in_python = isinstance(self._asked(1), float | int)
        steps = _probes(rate, often=in_python)
        asked = np.array(self.values(steps.tolist()))
        largest = np.abs(asked[np.isfinite(asked)]).max(initial=0.0)
        built = _evaluated(rate, {step: steps})
        return np.allclose(built, asked, rtol=1e-3, atol=1e-4 * largest, equal_nan=True)


@final
class Table:
    """The rates of the next steps, in variables that a compiled step reads."""

    def __init__(self, owner: str) -> None:
        name = f"{owner}/prepared"
        empty = np.full(PREPARED, np.nan, np.float32)
        self.rates = variable(empty, name=f"{name}_rates", trainable=False)
        self.first = variable(0, dtypes.int32, name=f"{name}_first", trainable=False)

    def at(self, iterations: Tensor) -> Tensor:
        """The prepared rate of a step, or NaN."""
        place = sub(iterations, self.first)
        inside = logical_and(greater_equal(place, 0), less(place, PREPARED))
        found = index.take(self.rates, clip(place, 0, PREPARED - 1), 0)
        return where(inside, found, float("nan"))

    def fill(self, first: int, rates: list[float]) -> None:
        """Store the rates of some steps, and forget all others."""
        if len(rates) > PREPARED:
            raise ArgumentError(
                "too many steps to prepare at once", received=len(rates), expected=f"<= {PREPARED}"
            )
        table = np.full(PREPARED, np.nan, np.float32)
        table[: len(rates)] = rates
        self.rates.assign(table)
        self.first.assign(np.int32(first))


# ---------------------------------------------------------------------------- looking at functions


def _takes_step(given: Callable[..., TensorLike]) -> bool:
    """Whether a function wants an argument."""
    try:
        parameters = inspect.signature(given).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in parameters
    )


def _checked(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number | np.ndarray):
        raise ArgumentError(
            "a learning rate is a number, a schedule or a function of the step",
            received=repr(value),
        )
    return float(value)


def _number(value: TensorLike) -> float:
    if isinstance(value, float):
        return value
    return float(value.numpy() if isinstance(value, Tensor) else np.asarray(value))


def _is_constant(rate: Tensor) -> bool:
    return all(not isinstance(t, Variable) for node in topological([rate]) for t in node.outputs)


def _probes(rate: Tensor, often: bool) -> np.ndarray:
    """Steps around all whole numbers of a graph and around powers of ten; where asking costs
    little, all steps of the beginning, and many up to a million, too."""
    found = {0, *(10**n for n in range(8))}
    for node in topological([rate]):
        if node.op is leaf.full_op:
            number = node.attrs["value"]
            assert isinstance(number, int | float), "full is given a number"
            if 0 <= number < 2**31 - 2 and number == int(number):
                found.add(int(number))
    near = {max(step + by, 0) for step in found for by in (-1, 0, 1)}
    return np.array(sorted(near | {*range(4096), *range(0, 1_000_000, 500)} if often else near))


def _evaluated(rate: Tensor, given: Mapping[Tensor, np.ndarray]) -> np.ndarray:
    """A graph of scalar operations at many steps at once."""
    reference, values = backend("reference"), dict(given)
    for node in topological([rate]):
        for t in node.outputs:
            if t not in values:
                inputs = np.broadcast_arrays(*(values[x] for x in node.inputs))
                known = t.concrete()
                (result,) = reference.evaluate_node(inputs, node) if known is None else (known,)
                values[t] = result
    return values[rate]
