"""Every op, forward and backward (orders 1 and 2), as Triton source in the interpreter, beside the
reference in float64."""

from __future__ import annotations

import numpy as np
import pytest
from test_matrix import with_derivatives

from graphc import dtypes
from graphc.compiler import function
from graphc.ir.node import Op

from .op_cases import ELEMENTWISE, SAMPLES, casts_agree, values_of

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


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_elementwise(op: Op):
    values = values_of(op)
    outputs, inputs = with_derivatives(op, values)
    interpreted_equals_reference(outputs, inputs, values)


@pytest.mark.parametrize("source", dtypes.ALL, ids=str)
def test_cast(source):
    casts_agree(source, TARGET)
