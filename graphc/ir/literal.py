"""An array as an attribute: immutable, compared and hashed by dtype, shape and bytes."""

from __future__ import annotations

import hashlib

import numpy as np

from graphc.dtypes import DType, as_dtype


class Literal:
    """A constant array. It is copied once and marked read-only."""

    __slots__ = ("_digest", "array", "dtype")

    def __init__(self, array: np.ndarray) -> None:
        self.array = np.array(array, order="C", copy=True)
        self.array.flags.writeable = False
        self.dtype: DType = as_dtype(self.array.dtype)
        data = hashlib.blake2b(self.array.tobytes(), digest_size=16).digest()
        self._digest = (self.dtype, self.array.shape, data)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.array.shape

    def digest(self) -> str:
        """A text that only equal literals have."""
        dtype, shape, data = self._digest
        return f"{dtype}{list(shape)}{data.hex()}"

    def __hash__(self) -> int:
        return hash(self._digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self._digest == other._digest

    def __repr__(self) -> str:
        return f"Literal({self.dtype}, {self.shape})"
