"""Examples that occur twice: in the training and the validation part, or within one of them."""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b

import numpy as np

from graphc.errors import ShapeError

from .rows import as_arrays, count_rows


def find_duplicates(
    first: object, second: object = None, *, decimals: int | None = None
) -> np.ndarray:
    """Pairs of row numbers (i, j) with first[i] equal to second[j]: (pairs, 2), in order of j.

    A validation score is too good where its examples were trained on. With one array the pairs are
    those within it, i < j. `decimals` rounds floats before they are compared.

    >>> train, validation = np.array([[1, 2], [3, 4]]), np.array([[3, 4], [5, 6]])
    >>> find_duplicates(train, validation).tolist(), find_duplicates([1, 2, 1]).tolist()
    ([[1, 0]], [[0, 2]])
    """
    a = _rows(first, decimals)
    b = a if second is None else _rows(second, decimals)
    if a.shape[1:] != b.shape[1:]:
        raise ShapeError("examples of different shapes are never equal",
                         received=f"{a.shape[1:]} and {b.shape[1:]}")  # fmt: skip
    kind = np.result_type(a, b)
    where: dict[bytes, list[int]] = defaultdict(list)
    for i, row in enumerate(a.astype(kind)):
        where[_digest(row)].append(i)
    pairs = [(i, j) for j, row in enumerate(b.astype(kind)) for i in where.get(_digest(row), ())]
    if second is None:
        pairs = [(i, j) for i, j in pairs if i < j]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _rows(value: object, decimals: int | None) -> np.ndarray:
    array = as_arrays(value)
    assert isinstance(array, np.ndarray) or array is not None, "one array"
    array = np.asarray(array)
    count_rows(array)
    return array if decimals is None else np.round(array, decimals)


def _digest(row: np.ndarray) -> bytes:
    # -0.0 equals 0.0 and has other bytes; adding 0 makes them the same.
    same = row + 0 if row.dtype.kind == "f" else row
    return blake2b(np.ascontiguousarray(same).tobytes(), digest_size=16).digest()
