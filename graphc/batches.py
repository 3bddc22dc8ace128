"""Many calls of one function in a row: a batch of rows for each, of arrays that are given once.

A backend may run them in one native call (`target.Repeating`); `one_by_one` is what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphc.errors import FeedError, OutOfRangeError
from graphc.ir.dim import Dim, Size, names_of
from graphc.ir.node import Tensor

Call = Callable[[Sequence[np.ndarray], Mapping[str, int]], list[np.ndarray]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Calls of equal sizes, one after the other: `calls` times `rows` rows, from row `first` on."""

    first: int
    calls: int
    rows: int
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """What to call a function with.

    `is_cut` says which arrays are cut into batches; the others are the same in every call. Row i of
    the calls is row `order[i]` of the arrays. `is_joined` says which results have a row per
    example, and follow one another; the others are stacked, one row per call.
    """

    arrays: tuple[np.ndarray, ...]
    is_cut: tuple[bool, ...]
    order: np.ndarray | None
    is_joined: tuple[bool, ...]
    stretches: tuple[Stretch, ...]

    @property
    def calls(self) -> int:
        """How many there are."""
        return sum(s.calls for s in self.stretches)


def one_by_one(call: Call, batches: Batches) -> list[np.ndarray]:
    """The results of all calls, in the order of the function's outputs."""
    parts: list[list[np.ndarray]] = []
    for number, (arrays, sizes) in enumerate(_cut(batches)):
        try:
            parts.append(call(arrays, sizes))
        except OutOfRangeError as error:
            error.add_note(where(number, batches))
            raise
    joins = (np.concatenate if joined else np.stack for joined in batches.is_joined)
    return [join(column) for join, column in zip(joins, zip(*parts))]


def where(number: int, batches: Batches) -> str:
    """What to add to an error of call `number`."""
    return f"in batch {number + 1} of {batches.calls}; those before it are done"


def _cut(batches: Batches) -> Iterator[tuple[list[np.ndarray], Mapping[str, int]]]:
    for s in batches.stretches:
        for start in range(s.first, s.first + s.calls * s.rows, s.rows):
            rows: slice | np.ndarray = slice(start, start + s.rows)
            if batches.order is not None:
                rows = batches.order[rows]
            cut = zip(batches.arrays, batches.is_cut)
            yield [a[rows] if is_cut else a for a, is_cut in cut], s.sizes


def stretches(count: int, rows: int, sizes: Callable[[int], Mapping[str, int]]) -> list[Stretch]:
    """`count` rows as calls of `rows` rows, and one of what is left; `sizes` are those of a call.

    >>> [(s.first, s.calls, s.rows) for s in stretches(10, 4, lambda rows: {})]
    [(0, 2, 4), (8, 1, 2)]
    """
    calls, rest = divmod(count, rows)
    found = [Stretch(0, calls, rows, sizes(rows))] if calls else []
    return found + ([Stretch(calls * rows, 1, rest, sizes(rest))] if rest else [])


def cut_inputs(inputs: Sequence[Tensor], what: str) -> tuple[bool, ...]:
    """Which inputs have a row per example: those whose first size is that of the first input."""
    size = inputs[0].shape[0] if inputs and inputs[0].ndim else 0
    if not isinstance(size, Dim):
        raise FeedError(
            f"{what} takes no batches",
            received=", ".join(f"{t.name}: {t.type}" for t in inputs) or "no inputs",
            expected="a first input whose first size may vary",
        )
    return tuple(t.ndim > 0 and t.shape[0] == size for t in inputs)


def joined_outputs(
    outputs: Sequence[Tensor], batch: frozenset[Size], what: str
) -> tuple[bool, ...]:
    """Which outputs have a row per example; `batch` are the sizes that count examples."""
    names = frozenset(n for size in batch for n in names_of(size))
    joined = tuple(t.ndim > 0 and bool(names & names_of(t.shape[0])) for t in outputs)
    for t, is_joined in zip(outputs, joined):
        if any(names & names_of(size) for size in t.shape[is_joined:]):
            raise FeedError(
                f"results of {what} for several batches do not fit together",
                received=f"an output of shape {t.shape}",
                expected="the size of the batch on the first axis, or nowhere",
            )
    return joined


def row_numbers(order: object, count: int, what: str) -> np.ndarray:
    """An order of rows as int64.

    Raises:
        FeedError: no vector of integers.
        OutOfRangeError: a row that does not exist.
    """
    rows = np.asarray(order)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise FeedError(
            f"the order of rows for {what} is no list of row numbers",
            received=f"{rows.dtype} of shape {rows.shape}",
        )
    if rows.size and (rows.min() < 0 or rows.max() >= count):
        raise OutOfRangeError(
            f"a row number for {what} is outside of the arrays",
            received=f"{rows.min()} .. {rows.max()}",
            expected=f"0 .. {count - 1}",
        )
    return np.ascontiguousarray(rows, np.int64)
