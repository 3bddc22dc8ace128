"""Random graphs for comparing backends: mixed dtypes, symbolic sizes, sizes 0, 1 and primes.

`random_graph(seed)` gives inputs, outputs and data. Values stay moderate (every result is brought
back to about [-3, 3]), so that float32 results can be compared with a stated tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphc import dtypes
from graphc.diff.reverse import grad
from graphc.ir.node import Tensor
from graphc.ops import (
    conv,
    convert,
    elementwise,
    index,
    leaf,
    matmul,
    pool,
    reduce,
)

from .maker import Maker
from .steps import STEPS


@dataclass(frozen=True, eq=False)
class Case:
    """A graph with data for its inputs at one value of its named size."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    data: list[np.ndarray]
    sizes: dict[str, int]


def grow(m: Maker, steps: int) -> Case:
    """A number of steps, each on what is there; the last results, and some derivatives of them."""
    while len(m.pool) < 3:
        m.pool.append(m.new_input())
    for _ in range(steps):
        name = str(m.one_of(tuple(STEPS)))
        made = STEPS[name](m)
        for t in made if isinstance(made, tuple) else (made,):
            if t is not None:
                m.pool.append(settled(t))
    outputs = m.pool[-min(len(m.pool), 1 + int(m.rng.integers(4))) :]
    if m.chance(0.4):
        outputs = [*outputs, *gradients(m, outputs)]
    return Case(m.inputs, list(dict.fromkeys(outputs)), m.data, m.sizes)


def gradients(m: Maker, outputs: list[Tensor]) -> list[Tensor]:
    """The derivatives of a smooth scalar of the outputs by some float inputs."""
    found = [t for t in outputs if t.dtype.is_float and 0 not in m.concrete(t.shape)]
    wrt = [t for t in m.inputs if t.dtype.is_float and m.chance(0.6)]
    if not found or not wrt:
        return []
    total = leaf.uniform((), 0.0, dtypes.float64)
    for t in found:
        term = reduce.mean(elementwise.sin(convert.cast(t, dtypes.float64)))
        total = elementwise.add(total, term)
    return grad(total, wrt)


def settled(t: Tensor) -> Tensor:
    """The tensor with values brought back to a moderate range."""
    if t.dtype.is_float and t.node.op in _GROWING:
        return elementwise.mul(elementwise.tanh(elementwise.mul(t, 0.3)), 2.0)
    return t


_GROWING = {
    elementwise.mul, matmul.dot_general_op, conv.conv_op, reduce.sum_op, reduce.prod_op,
    reduce.cumsum_op, reduce.cumprod_op, elementwise.div, pool.window_reduce_op,
    index.scatter_add_op, elementwise.fma, pool.window_scatter_op,
}  # fmt: skip


def random_graph(seed: int, steps: int | None = None) -> Case:
    """The graph of a seed."""
    return grow(Maker(seed), steps if steps is not None else 3 + seed % 14)
