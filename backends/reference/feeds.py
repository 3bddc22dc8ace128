"""Checking the values of inputs, and working out the named sizes from their shapes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graphc.dtypes import as_dtype
from graphc.errors import DTypeError, FeedError, FeedTypeError
from graphc.ir import dim
from graphc.ir.dim import Dim, Size
from graphc.ir.node import Tensor
from graphc.ops import leaf

_RANK = {"b": 0, "i": 1, "u": 1, "f": 2}


def checked(tensor: Tensor, value: object) -> np.ndarray:
    """The value as an array of the input's dtype; floats never become integers silently."""
    try:
        array = leaf.as_array(value)
    except DTypeError:
        raise FeedTypeError(
            f"the value of input {tensor.name} is no array of numbers",
            received=type(value).__name__,
            expected=str(tensor.type),
        ) from None
    if array.ndim != tensor.ndim:
        raise FeedError(
            f"the value of input {tensor.name} has another number of axes",
            received=array.shape,
            expected=tensor.shape,
        )
    if _RANK[as_dtype(array.dtype).kind] > _RANK[tensor.dtype.kind]:
        raise FeedTypeError(
            f"the value of input {tensor.name} has another dtype",
            received=array.dtype,
            expected=tensor.dtype,
            fix=f"convert it with .astype({tensor.dtype.name!r})",
        )
    return array.astype(tensor.dtype.numpy, copy=False)


def solve(feeds: Mapping[Tensor, np.ndarray], sizes: Mapping[str, int]) -> dict[str, int]:
    """The named sizes that make the declared shapes those of the arrays.

    A size such as `2*batch + 1` is solved for its one unknown name; sizes of several unknown names
    wait until others have told them. FeedError if an axis does not fit.
    """
    found = dict(sizes)
    waiting = [(t, axis) for t in feeds for axis in range(t.ndim)]
    while waiting:
        later = [
            (t, axis)
            for t, axis in waiting
            if not _settle(found, t, axis, feeds[t].shape[axis], feeds[t].shape)
        ]
        if len(later) == len(waiting):
            break
        waiting = later
    return found


def _settle(
    found: dict[str, int], tensor: Tensor, axis: int, length: int, shape: tuple[int, ...]
) -> bool:
    """Learn from one axis; whether there is nothing left to learn from it."""
    size = dim.substitute(tensor.shape[axis], found)
    if isinstance(size, Dim):
        solved = _linear(size, length)
        if solved is None:
            return False
        name, value = solved
        if value >= 0 and dim.evaluate(size, {name: value}) == length:
            found[name] = value
            return True
    elif size == length:
        return True
    raise FeedError(
        f"the value of input {tensor.name} has another shape",
        received=shape,
        expected=f"{tensor.shape}{_given(tensor.shape, found)}",
    )


def _linear(size: Dim, length: int) -> tuple[str, int] | None:
    """The name in coefficient * name + constant and its value, rounded down."""
    named = [(m, c) for m, c in size.terms if m]
    if len(named) != 1:
        return None
    (monomial, coefficient), *_ = named
    if len(monomial) != 1 or not isinstance(monomial[0], str):
        return None
    constant = dict(size.terms).get((), 0)
    return monomial[0], (length - constant) // coefficient


def _given(shape: tuple[Size, ...], found: Mapping[str, int]) -> str:
    names = sorted(set().union(*map(dim.names_of, shape)) & set(found))
    return f" with {', '.join(f'{n} = {found[n]}' for n in names)}" if names else ""
