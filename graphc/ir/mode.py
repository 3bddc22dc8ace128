"""Static or eager: whether nodes are only built or also computed at once.

The core knows no backend: eager mode holds a function from a node and its input values to its
output values. Building a region is counted here too, because its parameters are named by depth;
and whoever traces Python's own `if`s (ops/paths.py) decides here how they turn out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from .dim import Dim
from .node import Attrs, Node, Op, Tensor, apply

Evaluate = Callable[[Node, Sequence[np.ndarray]], Sequence[np.ndarray]]
Keep = Callable[[Node, tuple[Tensor, ...]], tuple[Tensor, ...]]

Decide = Callable[[Tensor], bool]

_evaluate: ContextVar[Evaluate | None] = ContextVar("eager evaluator")
_decide: ContextVar[Decide | None] = ContextVar("who decides conditions", default=None)
_assigned: ContextVar[dict[Tensor, Tensor] | None] = ContextVar("assignments", default=None)
_depth: ContextVar[int] = ContextVar("region depth", default=0)


@dataclass(slots=True)
class Standard:
    """What holds in this process where nobody has said: at first, operations only build."""

    evaluate: Evaluate | None = None
    # What callers get for the outputs of a node that was computed, where they may forget it.
    keep: Keep | None = None


STANDARD = Standard()


def is_eager() -> bool:
    """Whether operations compute at once."""
    return _evaluate.get(STANDARD.evaluate) is not None


@contextmanager
def evaluating_with(evaluate: Evaluate | None) -> Iterator[None]:
    """Compute every node built inside with this function; None builds only."""
    token = _evaluate.set(evaluate)
    try:
        yield
    finally:
        _evaluate.reset(token)


def build(op: Op, inputs: tuple[Tensor, ...], attrs: Attrs) -> tuple[Tensor, ...]:
    """Apply an op: the outputs of the node, with their values in eager mode.

    Nothing is computed where an input has no value (inside regions, or below a placeholder), or
    where a size is not known.
    """
    evaluate, assigned = _evaluate.get(STANDARD.evaluate), _assigned.get()
    if assigned:
        inputs = tuple(assigned.get(t, t) for t in inputs)
    if evaluate is None or "leaf" in op.traits:
        return apply(op, inputs, attrs).outputs
    if any(t.concrete() is None for t in inputs):
        # Variables stay what they are, so that a graph which is built here reads them anew.
        return apply(op, inputs, attrs).outputs
    inputs = tuple(t.for_eager() for t in inputs)
    outputs = apply(op, inputs, attrs).outputs
    if any(t._value is None for t in outputs):
        known = not any(isinstance(size, Dim) for t in outputs for size in t.shape)
        if not known or (not inputs and _has_unknown_sizes(attrs)):
            return outputs
        values = [v for t in inputs if (v := t.concrete()) is not None]
        for tensor, value in zip(outputs, evaluate(outputs[0].node, values), strict=True):
            tensor._value = value
    keep = STANDARD.keep if evaluate is STANDARD.evaluate else None
    return outputs if keep is None else keep(outputs[0].node, outputs)


@contextmanager
def deciding_with(decide: Decide) -> Iterator[None]:
    """Let this function say whether a symbolic condition holds, where Python asks."""
    token = _decide.set(decide)
    try:
        yield
    finally:
        _decide.reset(token)


def decided(condition: Tensor) -> bool | None:
    """Whether a symbolic scalar is taken to be true; None if nobody decides."""
    decide = _decide.get()
    return decide(condition) if decide is not None and condition.shape == () else None


def _has_unknown_sizes(attrs: Attrs) -> bool:
    flat = (e for v in attrs.values() for e in (v if isinstance(v, tuple) else (v,)))
    return any(isinstance(e, Dim) for e in flat)


@contextmanager
def collecting_assignments(into: dict[Tensor, Tensor]) -> Iterator[None]:
    """Collect what variables are assigned inside; there they stand for their new values.

    A derivative is by what a variable stands for, and reads the values that were used.
    """
    token = _assigned.set(into)
    try:
        yield
    finally:
        _assigned.reset(token)


def assignments() -> dict[Tensor, Tensor] | None:
    """What was assigned so far; None where nobody collects."""
    return _assigned.get()


def present(tensor: Tensor) -> Tensor:
    """What a variable stands for here: the value that it was assigned last."""
    return (_assigned.get() or {}).get(tensor, tensor)


@contextmanager
def reading_as_given() -> Iterator[None]:
    """Inside, variables stand for themselves whatever they were assigned."""
    token = _assigned.set(None)
    try:
        yield
    finally:
        _assigned.reset(token)


def region_depth() -> int:
    """How many regions are being built around here."""
    return _depth.get()


@contextmanager
def inside_region() -> Iterator[int]:
    """Build a region inside; gives the depth that names its parameters."""
    depth = _depth.get()
    token = _depth.set(depth + 1)
    try:
        yield depth
    finally:
        _depth.reset(token)
