"""Feeds of many calls in a row: where each call finds its inputs and puts its results.

The words of a feed are described in `table.py`, what is done with them in `repeat_ir.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from graphc.batches import Batches, Stretch

from .arena import ALIGN, Arena, address_of, aligned_array
from .table import Feed
from .words import Share, Sizes

Result = tuple[int | None, tuple[int, ...], np.dtype, int]
"""Of one call: its cell (None where nothing is written), shape, dtype and bytes."""


@final
@dataclass(frozen=True, slots=True)
class Whole:
    """The results of all calls, and where those of the next call begin."""

    arrays: list[np.ndarray]
    following: list[int]

    @staticmethod
    def of(results: Sequence[Sequence[Result]], batches: Batches) -> Whole:
        """Arrays for all calls, from the results of one call of each stretch."""
        calls = [s.calls for s in batches.stretches]
        pairs: list[tuple[np.ndarray, int]] = []
        for column, joined in zip(zip(*results), batches.is_joined):
            _, one, dtype, _ = column[0]
            rows = sum(n * shape[0] for n, (_, shape, _, _) in zip(calls, column)) if joined else 0
            shape = (rows, *one[1:]) if joined else (sum(calls), *one)
            nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            pairs.append(aligned_array(shape, dtype, nbytes))
        return Whole([array for array, _ in pairs], [address for _, address in pairs])

    def feeds(self, results: Iterable[Result], calls: int) -> list[list[int]]:
        """Feeds for so many calls, and room for the results of those that come next."""
        found: list[list[int]] = []
        for i, (cell, _, _, nbytes) in enumerate(results):
            if cell is not None:
                found.append(_moving(cell, self.following[i], nbytes))
            self.following[i] += calls * nbytes
        return found


def input_feeds(
    cells: Sequence[tuple[int, int]], batches: Batches, stretch: Stretch, rows: Arena, owner: str
) -> list[list[int]]:
    """Feeds for inputs (address of the cell, number); `rows` is room to bring rows together."""
    found: list[list[int]] = []
    room = 0
    for cell, index in cells:
        array = batches.arrays[index]
        source, nbytes = address_of(array), array.nbytes // max(1, len(array)) if array.ndim else 0
        if not batches.is_cut[index]:
            found.append(_moving(cell, source, 0))
        elif batches.order is None:
            start = source + stretch.first * nbytes
            found.append(_moving(cell, start, stretch.rows * nbytes))
        else:
            order = address_of(batches.order) + stretch.first * batches.order.itemsize
            share = Share(stretch.rows, 2 * stretch.rows * nbytes, "all chunks")
            chunks = Sizes({}).word(share)
            found.append([cell, source, 0, order, stretch.rows, nbytes, room, chunks])
            room += -(-stretch.rows * nbytes // ALIGN) * ALIGN
    rows.grow(room, f"batches of {owner}")
    for feed in found:
        feed[Feed.BUFFER] += rows.address
    return found


def _moving(cell: int, source: int, step: int) -> list[int]:
    return [cell, source, step, 0, 0, 0, 0, 0]
