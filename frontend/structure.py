"""Telling data from structure: [1.0, 2.0] is an array, [array, array] is two arrays.

Layers, models and `fit` take arrays, nested lists of numbers, and nested tuples, lists and dicts of
arrays; this file decides which is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from graphc.ir.node import Tensor
from graphc.ir.tree import Tree


def map_arrays(function: Callable[[object], object], value: object) -> Tree[object]:
    """The function applied to each array; lists and tuples of numbers are arrays themselves.

    >>> map_arrays(np.sum, [1.0, 2.0]), map_arrays(np.sum, [np.ones(2), np.ones(3)])
    (np.float64(3.0), [np.float64(2.0), np.float64(3.0)])
    """
    if isinstance(value, dict):
        return {name: map_arrays(function, entry) for name, entry in value.items()}
    if isinstance(value, tuple | list) and holds_arrays(value):
        parts = [map_arrays(function, entry) for entry in value]
        return parts if isinstance(value, list) else tuple(parts)
    return function(value)


def holds_arrays(value: object) -> bool:
    """Whether there is an array or a tensor in nested tuples, lists and dicts."""
    if isinstance(value, dict):
        return any(map(holds_arrays, value.values()))
    if isinstance(value, tuple | list):
        return any(map(holds_arrays, value))
    return isinstance(value, Tensor | np.ndarray)


def has_tensor(value: object) -> bool:
    """Whether there is a Tensor in nested tuples, lists and dicts."""
    return any(isinstance(part, Tensor) for part in _parts(value))


def has_symbolic(value: object) -> bool:
    """Whether there is a Tensor that eager mode did not compute."""
    tensors = (part for part in _parts(value) if isinstance(part, Tensor))
    return any("leaf" in t.node.op.traits or t.concrete() is None for t in tensors)


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for entry in value.values():
            yield from _parts(entry)
    elif isinstance(value, tuple | list):
        for entry in value:
            yield from _parts(entry)
    else:
        yield value
