"""Arrays to compute with, and the value of an expression by the reference backend."""

from __future__ import annotations

import zlib

import numpy as np

from graphc.backends.reference.evaluate import evaluate
from graphc.dtypes import DType
from graphc.ir.node import Tensor

SIZES = [(), (0,), (1,), (7,), (0, 3), (2, 3, 5)]


def value(tensor: Tensor) -> np.ndarray:
    """The value of a tensor without inputs; its type is what was inferred."""
    result = evaluate([tensor])[0]
    assert result.shape == tensor.shape
    assert result.dtype == tensor.dtype.numpy
    return result


def numbers(shape: tuple[int, ...], dtype: DType | str = "float32", seed: str = "") -> np.ndarray:
    """Fixed random numbers: normal floats, integers of both signs, truth values."""
    kind = np.dtype(dtype if isinstance(dtype, str) else dtype.numpy)
    rng = np.random.default_rng(zlib.crc32(f"{shape}{kind}{seed}".encode()))
    if kind.kind == "b":
        return rng.random(shape) < 0.5
    if kind.kind in "iu":
        return rng.integers(0 if kind.kind == "u" else -9, 10, shape).astype(kind)
    return np.asarray(rng.normal(size=shape)).astype(kind)
