"""From a step to something that takes arrays: compiled once for all batch sizes, or run eagerly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.compiler import function
from graphc.frontend.eager import eager
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, like, tree_map
from graphc.ops import convert, leaf
from graphc.ops.variable import Variable

from .batches import Arrays

Build = Callable[..., tuple[Tree[Tensor], dict[Variable, Tensor]]]
Run = Callable[..., Tree[np.ndarray]]


def signature(*data: Arrays) -> tuple[tuple[object, ...], ...]:
    """What a compiled step depends on: shapes of examples and dtypes, but not how many."""
    return tuple((i, a.shape[1:], a.dtype.name) for i, d in enumerate(data) for a in leaves(d))


def compiled(
    build: Build, data: tuple[Arrays, ...], target: str | None, name: str, *, trains: bool,
    memory_budget: float | None = None,
) -> Run:  # fmt: skip
    """The step as one native function; `data` shows the form of its arguments."""
    names = iter(f"{'xy'[i]}{n}" for i, d in enumerate(data) for n in range(len(leaves(d))))
    inputs = [tree_map(lambda a: _placeholder(a, next(names)), d) for d in data]
    outputs, updates = build(*inputs)
    flat = [t for tree in inputs for t in leaves(tree)]
    # Gradients of normalisations need two passes over memory instead of three with fast_math.
    run = function(
        flat, outputs, updates=updates, target=target, name=name, inference=not trains,
        fast_math=trains, memory_budget=memory_budget,
    )  # fmt: skip
    return lambda *arrays: run(*(a for tree in arrays for a in leaves(tree)))


def interpreted(build: Build, target: str | None) -> Run:
    """The step op by op; it is built anew at each call, so Python in it sees values."""

    def run(*data: Arrays) -> Tree[np.ndarray]:
        with eager(target):
            outputs, updates = build(*(tree_map(convert.as_tensor, d) for d in data))
            values = [t.numpy() for t in leaves(outputs)]
            new = [(v, t.numpy()) for v, t in updates.items()]
        for v, value in new:
            v.assign(value)
        return like(outputs, values)  # pyright: ignore[reportReturnType]

    return run


def _placeholder(array: np.ndarray, name: str) -> Tensor:
    return leaf.placeholder(("batch", *array.shape[1:]), array.dtype, name=name)
