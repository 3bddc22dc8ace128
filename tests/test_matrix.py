"""Rows are ops, columns are concerns. An empty cell is a failing test with the cell's name in it.

The last column is filled by running: each op forward and backward (orders 1 and 2) as native code,
compared with the reference in float64.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diff.samples import SAMPLES
from diff.test_rules import points

from graphc import dtypes
from graphc.backends.llvm_cpu.ir import scalar
from graphc.backends.reference.evaluate import EVALUATE
from graphc.compiler import function
from graphc.diff.families import LOADED
from graphc.diff.reverse import vjp
from graphc.diff.rules import DERIVATIVES
from graphc.ir.node import Op, Tensor
from graphc.kernels.lower import LOWER
from graphc.ops import FAMILIES, convert, elementwise, leaf, movement, random
from graphc.schedule.classify import kind_of

ROOT = Path(__file__).parents[1]
OPS = [op for ops in FAMILIES.values() for op in ops]
FOLDERS = ("graphc/ops", "graphc/diff", "backends/reference", "graphc/kernels/lower")
TABLES = {"derivative": DERIVATIVES, "reference": EVALUATE}


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_one_file_name(family, folder):
    assert (ROOT / folder / f"{family}.py").is_file()
    assert LOADED


@pytest.mark.parametrize("column", TABLES)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_cell_is_filled(op, column):
    assert op in TABLES[column]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_op_has_a_type_rule_and_a_native_form(op):
    assert callable(op.infer)
    has_step = op.name in STEPS
    assert op in LOWER or has_step, f"{op.name} is neither lowered to kernels nor a step"


STEPS = {"sort", "cumsum", "cumprod", "cummax", "cummin", "scan", "while_loop", "cond"}
STEPS |= {"scatter_add", "scatter_set", "call"}  # stores of their own, and inlined before


@pytest.mark.parametrize(
    "op", [*elementwise.DOMAINS, random.random_bits_op], ids=lambda op: op.name
)
def test_scalar_op_is_emitted(op):
    assert op.name in scalar.EMIT or op is elementwise.where


# ---------------------------------------------------------------------------- native


def native_equals_reference(outputs: list[Tensor], inputs: list[Tensor], values) -> None:
    found = [
        function(inputs, tuple(outputs), target=target)(*values)
        for target in ("reference", "llvm_cpu")
    ]
    for t, a, b in zip(outputs, *found, strict=True):
        assert a.dtype == b.dtype == t.dtype.numpy
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9, err_msg=t.name)


def with_derivatives(call, values) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs, their vjp with a cotangent that is not 1, and the vjp of that."""
    inputs = [leaf.placeholder(v.shape, v.dtype, name=f"x{i}") for i, v in enumerate(values)]
    result = call(*inputs)
    outputs = list(result) if isinstance(result, list | tuple) else [result]
    smooth = [t for t in outputs if t.dtype.is_float]
    wrt = [t for t in inputs if t.dtype.is_float]
    if not smooth or not wrt:
        return outputs, inputs
    first = vjp(smooth, wrt, [ramp(t, 1.7) for t in smooth])
    second = vjp(first, wrt, [ramp(t, 0.6) for t in first])
    return [*outputs, *first, *second], inputs


def ramp(t: Tensor, scale: float) -> Tensor:
    """A cotangent that differs from element to element."""
    flat = leaf.iota((t.size,), 0, dtypes.float64) if t.ndim else leaf.full((), 1.0, dtypes.float64)
    return elementwise.sin((movement.reshape(flat, t.shape) + 1.0) * scale)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: f"{s.op.name}: {s.label}")
def test_native_sample(sample):
    outputs, inputs = with_derivatives(sample.call, sample.values)
    native_equals_reference(outputs, inputs, sample.values)


@pytest.mark.parametrize("op", elementwise.DOMAINS, ids=lambda op: op.name)
@pytest.mark.parametrize("shape", [(1,), (7, 3), (16,)], ids=str)
def test_native_elementwise(op: Op, shape):
    kinds = elementwise.KINDS[op]
    values = points(op, shape)
    if "f" not in kinds:
        kind = np.int64 if "i" in kinds else np.bool_
        values = [np.abs(v).astype(kind) for v in values]
    outputs, inputs = with_derivatives(op, values)
    native_equals_reference(outputs, inputs, values)


@pytest.mark.parametrize("source", dtypes.ALL, ids=str)
@pytest.mark.parametrize("target", dtypes.ALL, ids=str)
def test_native_cast(source, target):
    values = np.array([0, 1, 2, 3, 100]).astype(source.numpy)
    x = leaf.placeholder((5,), source, name="x")
    y = convert.cast(x, target)
    assert kind_of(y.node) in ("point", "leaf")
    found = [function(x, y, target=t)(values) for t in ("reference", "llvm_cpu")]
    assert found[0].dtype == found[1].dtype == target.numpy
    np.testing.assert_array_equal(found[0].astype("f8"), found[1].astype("f8"))
