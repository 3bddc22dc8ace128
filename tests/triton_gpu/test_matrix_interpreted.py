"""Every op, forward and backward (orders 1 and 2), as Triton source in the interpreter, beside the
reference in float64."""

from __future__ import annotations

import numpy as np
import pytest
from diff.samples import SAMPLES
from diff.test_rules import points
from test_matrix import with_derivatives

from graphc import dtypes
from graphc.compiler import function
from graphc.ir.node import Op
from graphc.ops import convert, elementwise, leaf

TARGET = "triton_interpret"


def interpreted_equals_reference(outputs, inputs, values) -> None:
    found = [
        function(inputs, tuple(outputs), target=target)(*values) for target in ("reference", TARGET)
    ]
    for t, a, b in zip(outputs, *found, strict=True):
        assert a.dtype == b.dtype == t.dtype.numpy
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9, err_msg=t.name)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: f"{s.op.name}: {s.label}")
def test_sample(sample):
    outputs, inputs = with_derivatives(sample.call, sample.values)
    interpreted_equals_reference(outputs, inputs, sample.values)


@pytest.mark.parametrize("op", elementwise.DOMAINS, ids=lambda op: op.name)
def test_elementwise(op: Op):
    kinds = elementwise.KINDS[op]
    values = points(op, (7, 3))
    if "f" not in kinds:
        kind = np.int64 if "i" in kinds else np.bool_
        values = [np.abs(v).astype(kind) for v in values]
    outputs, inputs = with_derivatives(op, values)
    interpreted_equals_reference(outputs, inputs, values)


@pytest.mark.parametrize("source", dtypes.ALL, ids=str)
def test_cast(source):
    values = np.array([0, 1, 2, 3, 100]).astype(source.numpy)
    x = leaf.placeholder((5,), source, name="x")
    outputs = tuple(convert.cast(x, d) for d in dtypes.ALL)
    found = [function(x, outputs, target=t)(values) for t in ("reference", TARGET)]
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a.astype(np.float64), b.astype(np.float64))
