"""From a step to something that takes arrays: compiled once for all batch sizes, or run eagerly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.compiler import function
from graphc.frontend.eager import eager
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, like, tree_map
from graphc.ops import convert, leaf
from graphc.ops.variable import Variable

from .batches import Arrays, count_of, rows_of

Build = Callable[..., tuple[Tree[Tensor], dict[Variable, Tensor]]]
Run = Callable[[tuple[Arrays, ...], int, np.ndarray | None], Tree[np.ndarray]]
"""Runs a step for each batch of some rows of arrays, in order or in the given one; the results have
a row per example, or else a row per batch."""


def signature(*data: Arrays) -> tuple[tuple[object, ...], ...]:
    """What a compiled step depends on: shapes of examples and dtypes, but not how many."""
    return tuple((i, a.shape[1:], a.dtype.name) for i, d in enumerate(data) for a in leaves(d))


def compiled(
    build: Build, data: tuple[Arrays, ...], target: str | None, name: str, *, trains: bool,
    memory_budget: float | None = None,
) -> Run:  # fmt: skip
    """The step as a native function that runs for many batches in one call; `data` shows the form
    of its arguments."""
    names = iter(f"{'xyw'[i]}{n}" for i, d in enumerate(data) for n in range(len(leaves(d))))
    # Also inside gx.eager() the step is a graph.
    with evaluating_with(None):
        inputs = [tree_map(lambda a: _placeholder(a, next(names)), d) for d in data]
        outputs, updates = build(*inputs)
    flat = [t for tree in inputs for t in leaves(tree)]
    # Gradients of normalisations need two passes over memory instead of three with fast_math.
    run = function(
        flat, outputs, updates=updates, target=target, name=name, inference=not trains,
        fast_math=trains, memory_budget=memory_budget,
    )  # fmt: skip
    return lambda arrays, size, order: run.each_batch(
        *(a for tree in arrays for a in leaves(tree)), size=size, order=order
    )


def interpreted(build: Build, target: str | None, *, per_example: bool) -> Run:
    """The step op by op; it is built anew at each call, so Python in it sees values.

    Its results are `per_example`, or one for each batch.
    """

    def step(data: tuple[Arrays, ...]) -> Tree[np.ndarray]:
        with eager(target):
            outputs, updates = build(*(tree_map(convert.as_tensor, d) for d in data))
            values = [t.numpy() for t in leaves(outputs)]
            new = [(v, t.numpy()) for v, t in updates.items()]
        for v, value in new:
            v.assign(value)
        return like(outputs, values)  # pyright: ignore[reportReturnType]

    def run(data: tuple[Arrays, ...], size: int, order: np.ndarray | None) -> Tree[np.ndarray]:
        rows = np.arange(count_of(data)) if order is None else order
        starts = range(0, len(rows), size)
        parts = [step(tuple(rows_of(d, rows[i : i + size]) for d in data)) for i in starts]
        columns = zip(*map(leaves, parts), strict=True)
        whole = [np.concatenate(c) if per_example else np.stack(c) for c in columns]
        return like(parts[0], whole)  # pyright: ignore[reportReturnType]

    return run


def _placeholder(array: np.ndarray, name: str) -> Tensor:
    return leaf.placeholder(("batch", *array.shape[1:]), array.dtype, name=name)
