"""What calls of layers do besides their result: new values of variables, and losses of their own.

Layers announce them here; who builds a training step collects them and makes them part of the
compiled function. In eager mode, when nobody collects, variables change at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from graphc.errors import ModeError
from graphc.ir.node import Tensor
from graphc.ops import convert
from graphc.ops.variable import Variable


@dataclass(slots=True)
class Effects:
    """New values by variable, losses to add to the objective, and what has to be done before each
    run; in order of announcement."""

    updates: dict[Variable, Tensor] = field(default_factory=dict)
    losses: list[Tensor] = field(default_factory=list)
    preparations: list[Callable[[], None]] = field(default_factory=list)


_collector: ContextVar[Effects | None] = ContextVar("effects", default=None)


@contextmanager
def collecting_effects() -> Iterator[Effects]:
    """Collect the effects of everything called inside.

    >>> from graphc.ops import leaf, variable
    >>> from graphc.ops.elementwise import add
    >>> calls = variable.variable(0.0, name="doctest_calls")
    >>> with collecting_effects() as effects:
    ...     update(calls, add(latest(calls), 1.0))
    >>> [v is calls for v in effects.updates]
    [True]
    """
    effects = Effects()
    token = _collector.set(effects)
    try:
        yield effects
    finally:
        _collector.reset(token)


def added_losses() -> list[Tensor]:
    """The losses announced so far; none where nobody collects."""
    effects = _collector.get()
    return [] if effects is None else list(effects.losses)


def collected() -> dict[Variable, Tensor] | None:
    """The new values announced so far; None where nobody collects."""
    effects = _collector.get()
    return None if effects is None else effects.updates


def latest(variable: Variable) -> Tensor:
    """The value that the variable will have after the calls so far; the variable itself if none."""
    effects = _collector.get()
    return variable if effects is None else effects.updates.get(variable, variable)


def update(variable: Variable, value: Tensor) -> None:
    """Announce the next value of a variable.

    Raises:
        ModeError: a symbolic value that nobody collects; it would be lost.
    """
    new = convert.cast(value, variable.dtype)
    effects = _collector.get()
    if effects is not None:
        effects.updates[variable] = new
    elif new.concrete() is not None:
        variable.assign(new)
    else:
        raise ModeError(
            f"this call changes the variable {variable.name}, and nothing collects the change",
            fix="build inside `with gx.collecting_effects() as effects`, and give "
            "updates=effects.updates to gx.function",
        )


def add_loss(value: Tensor) -> None:
    """Announce a scalar to be added to the loss of the model; dropped where nobody collects."""
    effects = _collector.get()
    if effects is not None:
        effects.losses.append(value)


def prepare(action: Callable[[], None]) -> None:
    """Announce something to be done before each run."""
    effects = _collector.get()
    if effects is not None:
        effects.preparations.append(action)
