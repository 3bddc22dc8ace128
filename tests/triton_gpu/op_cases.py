"""The op matrix as tests of this backend use it: calls with values, and the casts of a dtype."""

from __future__ import annotations

import numpy as np
from diff.samples import SAMPLES, Sample
from diff.test_rules import points

from graphc import dtypes
from graphc.compiler import function
from graphc.dtypes import DType
from graphc.ir.node import Op
from graphc.ops import convert, elementwise, leaf

__all__ = ["ELEMENTWISE", "SAMPLES", "Sample", "casts_agree", "values_of"]

ELEMENTWISE = tuple(elementwise.DOMAINS)


def values_of(op: Op, shape: tuple[int, ...] = (7, 3)) -> list[np.ndarray]:
    """Inputs of an elementwise op: floats if it takes them, else integers or truth values."""
    values = points(op, shape)
    kinds = elementwise.KINDS[op]
    if "f" in kinds:
        return values
    kind = np.int64 if "i" in kinds else np.bool_
    return [np.abs(v).astype(kind) for v in values]


def casts_agree(source: DType, target: str) -> None:
    """Some numbers of a dtype become those of every other as they do in the reference."""
    values = np.array([0, 1, 2, 3, 100]).astype(source.numpy)
    x = leaf.placeholder((5,), source, name="x")
    outputs = tuple(convert.cast(x, d) for d in dtypes.ALL)
    found = [function(x, outputs, target=t)(values) for t in ("reference", target)]
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a.astype(np.float64), b.astype(np.float64))
