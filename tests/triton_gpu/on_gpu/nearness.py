"""How near results of few bits must be: as the reference in the same dtype is to float64.

|got - exact| <= 4 |reference - exact| + 8 eps |exact|      norms over the whole array: max
"""

from __future__ import annotations

from collections.abc import Sequence

import ml_dtypes
import numpy as np
from test_matrix import with_derivatives

from graphc import dtypes
from graphc.compiler import function

FLOATS = ("float64", "float32", "float16", "bfloat16")


def compare(call, values: Sequence[np.ndarray], dtype: str, target: str) -> None:
    """An op and its derivatives of both orders, for float inputs of that dtype."""
    given = [v.astype(dtypes.as_dtype(dtype).numpy) if v.dtype.kind == "f" else v for v in values]
    wide = [v.astype(np.float64) if v.dtype.kind not in "iub" else v for v in given]
    outputs, inputs = with_derivatives(call, given)
    exact_outputs, exact_inputs = with_derivatives(call, wide)
    got = function(inputs, tuple(outputs), target=target)(*given)
    same = function(inputs, tuple(outputs), target="reference")(*given)
    exact = function(exact_inputs, tuple(exact_outputs), target="reference")(*wide)
    for t, a, b, e in zip(outputs, got, same, exact, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape) == (t.dtype.numpy, e.shape), t.name
        near(t.name, a, b, e)


def near(name: str, got: np.ndarray, reference: np.ndarray, exact: np.ndarray) -> None:
    """The law above, where the reference has a number; integers and truth values are equal."""
    if got.dtype.kind in "iub":
        np.testing.assert_array_equal(got, reference, err_msg=name)
        return
    eps = float(ml_dtypes.finfo(got.dtype).eps)
    a, b, e = (x.astype(np.float64) for x in (got, reference, exact))
    finite = np.isfinite(b) & np.isfinite(e)
    if not finite.any():
        return
    a, b, e = a[finite], b[finite], e[finite]
    allowed = (
        4 * np.abs(b - e).max() + 8 * eps * np.abs(e).max() + float(ml_dtypes.finfo(got.dtype).tiny)
    )
    worst = np.abs(a - e).max()
    assert worst <= allowed, f"{name}: {worst:.3g} from the exact values, {allowed:.3g} allowed"
