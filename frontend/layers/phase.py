"""Where a call of a layer is made: in training or not, inside of other calls or by the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from graphc.frontend import effects
from graphc.ir.mode import evaluating_with


@dataclass(frozen=True, slots=True)
class Phase:
    """Where a call is made: in training or not, and inside of how many other calls."""

    training: bool = False
    depth: int = 0


OUTSIDE = Phase()
PHASE: ContextVar[Phase] = ContextVar("phase of calls", default=OUTSIDE)


def is_outermost() -> bool:
    """Whether a call made here is the user's own, not one that a layer makes."""
    return PHASE.get().depth == 0


@contextmanager
def inside_of_calls() -> Iterator[None]:
    """Calls inside are as if a layer made them: nothing remembers them."""
    token = PHASE.set(Phase(depth=1))
    try:
        yield
    finally:
        PHASE.reset(token)


@contextmanager
def outside_of_calls() -> Iterator[None]:
    """Calls inside are as if the user made them: remembered, not in training, with no effects."""
    token = PHASE.set(OUTSIDE)
    try:
        with evaluating_with(None), effects.collecting_effects():
            yield
    finally:
        PHASE.reset(token)


@contextmanager
def unseen_calls() -> Iterator[None]:
    """Calls inside are made to see what comes of them: nothing remembers them, nothing changes."""
    with inside_of_calls(), evaluating_with(None), effects.collecting_effects():
        yield
