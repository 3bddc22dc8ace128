"""How much may be allocated for the weights of a model that is read from a file.

While a model is made again its weights begin as zeros, for the file has their values: nothing is
drawn, so loading leaves all random sequences as they are. And they take no more bytes together than
the file has for them, whatever sizes its description names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from graphc.dtypes import DTypeLike, as_dtype
from graphc.errors import DataError


@dataclass(slots=True)
class Room:
    """The bytes that are left."""

    size: int


_room: ContextVar[Room | None] = ContextVar("room for weights", default=None)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Weights that are made inside take at most so many bytes."""
    token = _room.set(Room(size))
    try:
        yield
    finally:
        _room.reset(token)


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray | None:
    """Zeros for a weight whose value comes from a file; None where no model is being read.

    Raises:
        DataError: more bytes than the file has for the weights.
    """
    room = _room.get()
    if room is None:
        return None
    kind = as_dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if min(shape, default=0) < 0 or size > room.size:
        raise DataError(
            "the file describes weights that it does not hold",
            received=f"a weight of shape {shape}, {size} bytes",
            expected=f"at most {room.size} bytes more",
        )
    room.size -= size
    return np.zeros(shape, kind.numpy)
