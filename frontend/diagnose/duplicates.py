"""Examples that are in two sets: what makes validation look easier than it is."""

from __future__ import annotations

import numpy as np

from graphc.errors import ShapeError


def find_duplicates(first: object, second: object) -> list[tuple[int, int]]:
    """Pairs (i, j) of equal examples first[i] and second[j], each j with the first such i.

    Examples are equal if they are so bit by bit, in the dtype that both arrays share.

    >>> find_duplicates([[1, 2], [3, 4], [1, 2]], [[5, 6], [1, 2]])
    [(0, 1)]

    Raises:
        ShapeError: the examples have different shapes.
    """
    a, b = np.asarray(first), np.asarray(second)
    if a.ndim == 0 or a.shape[1:] != b.shape[1:]:
        raise ShapeError(
            "examples of different shapes cannot be equal", received=b.shape, expected=a.shape
        )
    dtype = np.result_type(a, b)
    # 0.0 and -0.0 are equal numbers with different bits.
    rows, others = ((x.astype(dtype) + np.zeros((), dtype)) for x in (a, b))
    places: dict[bytes, int] = {}
    for i, row in enumerate(rows):
        places.setdefault(row.tobytes(), i)
    pairs = ((places.get(row.tobytes()), j) for j, row in enumerate(others))
    return [(i, j) for i, j in pairs if i is not None]
