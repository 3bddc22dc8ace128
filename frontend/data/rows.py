"""Rows of examples by number: how many there are, orders of them, and parts of given sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.errors import ArgumentError, DataError
from graphc.frontend.seeds import generator
from graphc.frontend.structure import map_arrays
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, tree_map

Arrays = Tree[np.ndarray]


def as_arrays(value: object) -> Arrays:
    """Nested tuples, lists and dicts of arrays, from what stands for them."""
    return map_arrays(_array, value)  # pyright: ignore[reportReturnType]


def count_rows(*trees: Arrays) -> int:
    """The number of rows that all arrays have.

    Raises:
        DataError: no arrays, a number in the place of one, or different numbers of rows.
    """
    arrays: list[np.ndarray] = leaves(trees)  # pyright: ignore
    shapes = [a.shape for a in arrays]
    if not shapes or len({s[:1] for s in shapes}) != 1 or not shapes[0]:
        raise DataError(
            "arrays of examples have different numbers of rows",
            received=", ".join(map(str, shapes)) or "no arrays",
            expected="the same size on the first axis",
        )
    return shapes[0][0]


def take_rows(tree: Arrays, rows: np.ndarray | slice) -> Arrays:
    """Some rows of each array."""
    return tree_map(lambda a: a[rows], tree)  # pyright: ignore


def ordered_rows(
    count: int, shuffle: bool, seed: int | None, classes: object = None
) -> np.ndarray:  # fmt: skip
    """All row numbers, in an order of which every part has its share of each class.

    The r-th of n examples of a class stands at (r + 1/2) / n of the way.
    """
    order = generator(seed).permutation(count) if shuffle else np.arange(count)
    if classes is None:
        return order
    labels = class_numbers(classes, count)[order]
    place = np.empty(count)
    for label in np.unique(labels):
        (members,) = np.nonzero(labels == label)
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return order[np.argsort(place, kind="stable")]


def class_numbers(classes: object, count: int) -> np.ndarray:
    """One number per row, from labels of any kind or one-hot vectors."""
    labels = np.asarray(classes)
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = labels.argmax(1)
    labels = labels.reshape(len(labels), -1)[:, 0] if labels.ndim else labels
    if labels.shape != (count,):
        raise ArgumentError(
            "classes to stratify by are one label per example",
            received=labels.shape,
            expected=f"({count},)",
        )
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def rows_wanted(size: float, count: int, name: str) -> int:
    """A number of rows, given as such or as a fraction of all."""
    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    fraction = isinstance(size, float | np.floating) and 0 <= size <= 1
    if not (fraction or (whole and 0 <= size <= count)):
        raise ArgumentError(
            f"{name} is a fraction or a number of examples",
            received=repr(size),
            expected=f"0.0 .. 1.0, or 0 .. {count}",
        )
    return round(float(size) * count) if fraction else int(size)


def parts(
    order: np.ndarray, sizes: Sequence[int], shuffle: bool, seed: int | None
) -> list[np.ndarray]:
    """The order in parts of these sizes; each in an order of its own if rows are shuffled."""
    found = np.split(order, np.cumsum(sizes)[:-1])
    if not shuffle:
        return [np.sort(part) for part in found]
    draw = generator(seed)
    return [draw.permutation(part) for part in found]


def _array(value: object) -> np.ndarray:
    array = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype == object:
        raise DataError("the data is no array of numbers", received=type(value).__name__)
    return array
