"""What is joined is written side by side by the kernels that compute it: no kernel joins it."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backends.reference.evaluate import evaluate
from graphc.compiler import function
from graphc.diff.reverse import grad
from graphc.ir.graph import graph
from graphc.ir.node import Tensor
from graphc.ops import control, elementwise, leaf, movement, reduce
from graphc.passes.join_pads import join_pads
from graphc.passes.options import Options
from graphc.schedule.plan import KernelStep, ScanStep, Step

random = np.random.default_rng(3)
x = leaf.placeholder(("n", 6), name="x")
w = leaf.placeholder((6, 6), name="w")


def pieces() -> list[Tensor]:
    """Results that one kernel stores, because each of them reads a sum over rows."""
    total = reduce.sum(x, axis=1, keepdims=True)
    return [elementwise.tanh(x - total), elementwise.exp(-x * total), elementwise.sin(total * x)]


def row(t: Tensor) -> Tensor:
    """Something that must find all of it in memory."""
    return reduce.cumsum(t, axis=0)


CASES = {
    "columns": lambda: [row(movement.concat(pieces(), 1))],
    "rows": lambda: [row(movement.concat(pieces(), 0))],
    "an output": lambda: [movement.concat(pieces(), 1)],
    "a slice of a slice": lambda: [
        row(movement.concat([row(x), movement.concat(pieces(), 1), elementwise.cos(x)], 1))
    ],
    "a part that is read": lambda: [row(movement.concat(p := pieces(), 1)), row(p[1])],
    "a part that is wanted": lambda: [row(movement.concat(p := pieces(), 1)), p[0]],
    "a part twice": lambda: [row(movement.concat([*(p := pieces()), p[0]], 1))],
    "an input": lambda: [row(movement.concat([x, *pieces()], 1))],
    "a product": lambda: [row(movement.concat([x @ w, *pieces()], 1))],
    "new axis": lambda: [row(movement.stack(pieces(), 1))],
}


@pytest.mark.parametrize("batch", [1, 7, 300])
@pytest.mark.parametrize("name", CASES)
def test_parts_have_the_values_of_the_reference(name, batch):
    outputs = CASES[name]()
    values = [random.normal(size=s).astype(np.float32) for s in ((batch, 6), (6, 6))]
    wanted = function([x, w], outputs, target="reference")(*values)
    for got, right in zip(function([x, w], outputs)(*values), wanted, strict=True):
        np.testing.assert_allclose(got, right, rtol=2e-5, atol=2e-5 * np.abs(right).max())


def joins(steps: tuple[Step, ...]) -> int:
    """The kernels that only bring together what others have computed."""
    found = [s.nodes for s in steps if isinstance(s, KernelStep)]
    return sum(all(n.startswith("concat") for n in nodes) for nodes in found)


JOINED = {"columns": 0, "rows": 0, "an output": 0, "a part twice": 1, "a product": 1}


@pytest.mark.parametrize("name", JOINED)
def test_no_kernel_joins_what_is_computed(name):
    assert joins(function([x, w], CASES[name]()).executable.plan.steps) == JOINED[name]


def test_gradients_of_slices_lie_side_by_side():
    """A loop like that of an LSTM: what its gates derive to is one array."""

    def turn(state: Tensor, part: Tensor) -> tuple[Tensor, None]:
        gates = part @ w
        a, b, c = (gates[:, 2 * k : 2 * k + 2] for k in range(3))
        return elementwise.tanh(a) * state + elementwise.sigmoid(b) * c, None

    rows = leaf.placeholder((5, "n", 6), name="rows")
    last, _ = control.scan(turn, reduce.sum(rows[0, :, :2]) * rows[0, :, :2], rows)
    outputs = grad(reduce.mean(last * last), [rows, w])
    values = random.normal(size=(5, 9, 6)).astype(np.float32), np.eye(6, dtype=np.float32)
    f = function([rows, w], outputs, fast_math=True)
    loops = [s for s in f.executable.plan.steps if isinstance(s, ScanStep)]
    assert loops
    assert all(joins(s.body.steps) == 0 for s in loops)
    pads = [n for s in loops for k in s.body.steps if isinstance(k, KernelStep) for n in k.nodes]
    assert not any(n.startswith("pad") for n in pads)
    wanted = function([rows, w], outputs, target="reference")(*values)
    for got, right in zip(f(*values), wanted, strict=True):
        np.testing.assert_allclose(got, right, rtol=2e-5, atol=2e-5 * np.abs(right).max())


def padded(t: Tensor, low: int, high: int, **attrs: object) -> Tensor:
    return movement.pad(t, [(0, 0), (low, high)], **attrs)


PADS = {
    "in order": (lambda a, b: padded(a, 0, 6) + padded(b, 6, 0), True),
    "out of order": (lambda a, b: padded(b, 12, 0) + (padded(a, 0, 12) + padded(a, 6, 6)), True),
    "a gap": (lambda a, b: padded(a, 0, 7) + padded(b, 7, 0), False),
    "too short": (lambda a, b: padded(a, 0, 7) + padded(b, 6, 1), False),
    "one place": (lambda a, b: padded(a, 0, 6) + padded(b, 0, 6), False),
    "overlapping": (lambda a, b: padded(a, 0, 5) + padded(b, 5, 0), False),
    "ones": (lambda a, b: padded(a, 0, 6, value=1) + padded(b, 6, 0), False),
    "holes": (lambda a, b: padded(a[:, :3], 0, 7, interior=(0, 1)) + padded(b, 6, 0), False),
    "two axes": (
        lambda a, b: movement.pad(a, [(0, 3), (0, 6)]) + movement.pad(b, [(3, 0), (6, 0)]), False,
    ),
    "something else": (lambda a, b: padded(a, 0, 6) + padded(b, 6, 0) * 2, False),
}  # fmt: skip


@pytest.mark.parametrize("name", PADS)
def test_sums_of_pads_become_one_array(name):
    make, expected = PADS[name]
    a, b = (leaf.placeholder((4, 6), name=n) for n in "ab")
    given = graph([a, b], [make(a, b)])
    after = join_pads(given, Options(fast_math=True))
    assert any(n.op is movement.concat_op for n in after.nodes) == expected
    assert join_pads(given, Options()) is given
    values = {t: random.normal(size=t.shape).astype(np.float32) for t in (a, b)}
    assert np.array_equal(evaluate(after.outputs, values)[0], evaluate(given.outputs, values)[0])
