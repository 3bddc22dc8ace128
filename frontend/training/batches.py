"""Data for training: arrays with one example per row.

Inputs, targets and weights may be nested tuples, lists and dicts of arrays. float64 becomes
`floatx()`; other dtypes stay, so images may be uint8 and labels any integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from graphc.errors import ArgumentError, DataError, GraphcError
from graphc.frontend import config
from graphc.frontend.structure import map_arrays
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, tree_map
from graphc.ops import leaf

Arrays = Tree[np.ndarray]


@final
@dataclass(frozen=True, slots=True)
class Examples:
    """Inputs, targets and weights of the same number of examples."""

    inputs: Arrays
    targets: Arrays
    weights: Arrays
    count: int

    @property
    def arrays(self) -> tuple[Arrays, ...]:
        """What the steps take."""
        return self.inputs, self.targets, self.weights

    def split(self, fraction: float) -> tuple[Examples, Examples]:
        """The first examples, and the last ones, which are that fraction of all."""
        if not 0 < fraction < 1:
            raise ArgumentError("a fraction to split off is between 0 and 1", received=fraction)
        border = self.count - int(self.count * fraction)
        return self.part(0, border), self.part(border, self.count)

    def part(self, start: int, stop: int) -> Examples:
        """Some of the examples, without a copy."""
        rows = slice(start, stop)
        return Examples(*(rows_of(a, rows) for a in self.arrays), count=stop - start)


def examples(x: object, y: object = None, weights: object = None) -> Examples:
    """Arrays, lists or nested structures of them as examples.

    Inputs that are a plain list of numbers are examples of one number each: (n,) becomes (n, 1).

    Raises:
        DataError: no numbers, no examples, or different numbers of examples.
    """
    inputs = map_arrays(_column, x)
    targets = map_arrays(_array, y) if y is not None else None
    factors = map_arrays(_array, weights) if weights is not None else None
    parts = {"x": inputs, "y": targets, "sample_weight": factors}
    arrays = [(name, a) for name, tree in parts.items() for a in _arrays_in(tree)]
    counts = {len(a) for _, a in arrays}
    if len(counts) != 1:
        raise DataError(
            "inputs, targets and weights have different numbers of examples",
            received=", ".join(f"{name} {a.shape}" for name, a in arrays) or "no arrays",
            expected="the same size on the first axis",
        )
    if 0 in counts:
        raise DataError("there are no examples", received=str(arrays[0][1].shape))
    return Examples(inputs, targets, factors, counts.pop())  # pyright: ignore


def _arrays_in(tree: object) -> list[np.ndarray]:
    return leaves(tree)  # pyright: ignore


def _array(value: object) -> np.ndarray:
    try:
        array = value.numpy() if isinstance(value, Tensor) else leaf.as_array(value)
    except GraphcError as error:
        raise DataError(
            "the data is no array of numbers",
            received=error.received,
            expected="numbers, nested lists of one shape, or an array of numbers",
        ) from None
    if array.ndim == 0:
        raise DataError("a single number is no list of examples", received=repr(value))
    if array.dtype == np.float64:
        array = array.astype(config.floatx())
    return np.ascontiguousarray(array)


def _column(value: object) -> np.ndarray:
    array = _array(value)
    return array if array.ndim > 1 else array[:, None]


def count_of(trees: tuple[Arrays, ...]) -> int:
    """The number of rows."""
    return len(leaves(trees)[0])  # pyright: ignore


def rows_of(tree: Arrays, rows: slice | np.ndarray) -> Arrays:
    """Some rows of each array."""
    return tree_map(lambda a: a[rows], tree)  # pyright: ignore
