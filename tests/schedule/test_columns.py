"""Sums over the rows of a contraction's results are part of its kernel: statistics, gradients."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.compiler import Function, function
from graphc.diff.reverse import grad
from graphc.knobs import settings
from graphc.ops import convert, elementwise, leaf, nn, reduce
from graphc.ops.variable import variable
from graphc.schedule.plan import KernelStep

random = np.random.default_rng(0)


def weight(*shape: int) -> object:
    return variable(random.normal(0, 0.3, shape), "float32", name="w")


def kernels(f: Function) -> list[tuple[str, ...]]:
    """The nodes of each kernel, by the names of their ops."""
    plan = f.executable.plan
    steps = [s for s in plan.steps if isinstance(s, KernelStep)]
    return [tuple(n.rpartition("_")[0] for n in s.nodes) for s in steps]


def with_op(f: Function, op: str) -> list[tuple[str, ...]]:
    return [k for k in kernels(f) if op in k]


def compiled(inputs, outputs) -> Function:
    return function(inputs, outputs, fast_math=True, target="llvm_cpu")


def test_statistics_end_a_convolution():
    x = leaf.placeholder((None, 9, 9, 8), name="x")
    y, mean, variance = nn.batch_norm(nn.conv2d(x, weight(3, 3, 8, 16), padding="same"))
    f = compiled(x, [y, mean, variance])
    ((*names,),) = with_op(f, "conv")
    assert names.count("sum") == 2
    assert len(kernels(f)) == 2
    for batch in (1, 5):
        values = random.normal(3, 1, (batch, 9, 9, 8)).astype(np.float32)
        wanted = function(x, [y, mean, variance], target="reference")(values)
        for got, right in zip(f(values), wanted, strict=True):
            np.testing.assert_allclose(got, right, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("bias", [False, True])
def test_what_waits_in_memory_is_not_wider_than_it_was(bias):
    """Statistics of a bfloat16 convolution are float32; its results are stored as they are."""
    x = leaf.placeholder((None, 9, 9, 8), "bfloat16", name="x")
    y = nn.conv2d(x, convert.cast(weight(3, 3, 8, 16), "bfloat16"), padding="same")
    y = y + convert.cast(weight(16), "bfloat16") if bias else y
    y, mean, variance = nn.batch_norm(convert.cast(y, "float32"))
    f = compiled(x, [convert.cast(nn.relu(y), "bfloat16"), mean, variance])
    ((*names,),) = with_op(f, "conv")
    assert names.count("sum") == 2, "in the kernel of the convolution"
    steps = [s for s in f.executable.plan.steps if isinstance(s, KernelStep)]
    written = [s.bound[t.buffer.name] for s in steps for t in s.kernel.stores]
    large = [s.dtype.name for s in written if s.shape[1:] == (9, 9, 16)]
    assert large == ["bfloat16"] * 2, "the convolution, and the result"
    values = random.normal(3, 1, (5, 9, 9, 8)).astype(dtypes.bfloat16.numpy)
    wanted = function(x, [mean, variance], target="reference")(values)
    for got, right in zip(f(values)[1:], wanted, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("stride", [1, 2])
def test_sums_of_a_gradient_end_its_convolution(stride):
    """The bias gradient of the layer below needs no pass of its own, unless taps are missing."""
    x = leaf.placeholder((None, 8, 8, 16), name="x")
    bias = variable(np.zeros(16), "float32", name="bias")
    hidden = nn.relu(x + bias)
    loss = reduce.sum(elementwise.square(nn.conv2d(hidden, weight(3, 3, 16, 16), strides=stride)))
    f = compiled(x, grad(loss, bias))
    assert any("conv" in k and "sum" in k for k in kernels(f)) == (stride == 1)
    values = random.normal(0, 1, (3, 8, 8, 16)).astype(np.float32)
    wanted = function(x, grad(loss, bias), target="reference")(values)
    np.testing.assert_allclose(f(values), wanted, rtol=1e-4, atol=1e-3)


# fmt: off
APART = {
    "rows of a product":     lambda x: reduce.sum(x @ weight(16, 8), axis=-1),
    "one row axis of two":   lambda x: reduce.sum(nn.conv1d(x, weight(3, 16, 8)), axis=1),
    "sums of sums":          lambda x: reduce.sum(elementwise.exp(
                                 reduce.sum(x @ weight(16, 8), axis=(0, 1))), axis=0),
    "all of them":           lambda x: reduce.sum(x @ weight(16, 8)),
    "the place of the most": lambda x: reduce.argmax(reduce.max(x @ weight(16, 8), axis=0), 0),
    "groups":                lambda x: reduce.sum(nn.conv1d(x, weight(3, 8, 8), groups=2), (0, 1)),
    "a softmax":             lambda x: nn.softmax(x @ weight(16, 8)),
}
# fmt: on


@pytest.mark.parametrize("name", APART)
def test_other_reductions_are_right_as_well(name):
    x = leaf.placeholder((None, 6, 16), name="x")
    y = APART[name](x)
    values = random.normal(0, 1, (4, 6, 16)).astype(np.float32)
    wanted = function(x, y, target="reference")(values)
    np.testing.assert_allclose(compiled(x, y)(values), wanted, rtol=1e-4, atol=1e-4)


def test_what_is_the_same_for_all_rows_may_be_stored_beside_them():
    """A scale of the columns, which needs no sum, comes with the totals."""
    x = leaf.placeholder((None, 16), name="x")
    scale = elementwise.sqrt(elementwise.abs(weight(8)))
    y = (x @ weight(16, 8)) * scale
    outputs = [y, reduce.sum(y, axis=0) * scale, scale]
    f = compiled(x, outputs)
    values = random.normal(0, 1, (5, 16)).astype(np.float32)
    wanted = function(x, outputs, target="reference")(values)
    for got, right in zip(f(values), wanted, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-5, atol=1e-5)


def test_squares_of_something_else_may_be_added_up_beside_a_product():
    x, z = leaf.placeholder((None, 16), name="x"), leaf.placeholder((None, 8), name="z")
    y = elementwise.mul(x @ weight(16, 8), z)
    outputs = [y, reduce.sum(y, axis=0), reduce.sum(z * z, axis=0)]
    f = compiled([x, z], outputs)
    rows = [random.normal(0, 1, (7, n)).astype(np.float32) for n in (16, 8)]
    wanted = function([x, z], outputs, target="reference")(*rows)
    for got, right in zip(f(*rows), wanted, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("side", [8, 13, 30])
def test_statistics_end_convolutions_of_either_algorithm(side, exact):
    x = leaf.placeholder((None, side, side, 64), name="x")
    y, mean, variance = nn.batch_norm(nn.conv2d(x, weight(3, 3, 64, 64), padding="same"))
    with settings(exact_convolution=exact):
        f = compiled(x, [y, mean, variance])
        values = random.normal(1, 1, (3, side, side, 64)).astype(np.float32)
        found = f(values)
    wanted = function(x, [y, mean, variance], target="reference")(values)
    for got, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, right, rtol=2e-4, atol=2e-4)
