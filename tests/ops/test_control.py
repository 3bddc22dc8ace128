"""Loops and branches against the loops of Python."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.backends.reference.evaluate import evaluate
from graphc.errors import ArgumentError, DTypeError, ShapeError
from graphc.ir.mode import build
from graphc.ir.node import TensorType
from graphc.ops import control, elementwise, leaf, reduce

from .values import numbers, value


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 7])
def test_scan_is_a_running_sum(length, reverse):
    rows = numbers((length, 3))
    total, sums = control.scan(
        lambda c, x: (c + x, 2 * (c + x)), leaf.zeros((3,)), rows, reverse=reverse
    )
    np.testing.assert_allclose(value(total), rows.sum(0), 1e-5, 1e-6)
    order = rows[::-1] if reverse else rows
    wanted = 2 * np.cumsum(order, 0)
    np.testing.assert_allclose(value(sums), wanted[::-1] if reverse else wanted, 1e-5, 1e-6)


def test_scan_over_trees_without_columns_and_with_captures():
    scale = leaf.placeholder((), name="scale")
    (a, b), ys = control.scan(
        lambda c, _: ((c[1], (c[0] + c[1]) * scale), {"first": c[0]}),
        (leaf.ones(()), leaf.ones(())),
        length=6,
    )
    found = evaluate([a, b, ys["first"]], {scale: 1.0})
    assert [f.tolist() for f in found] == [13, 21, [1, 1, 2, 3, 5, 8]]


def test_scan_in_scan():
    table = numbers((3, 4), "float64")
    total, _ = control.scan(
        lambda c, row: (
            c + control.scan(lambda d, x: (d * x, ()), leaf.ones((), "float64"), row)[0],
            (),
        ),
        leaf.zeros((), "float64"),
        table,
    )
    np.testing.assert_allclose(value(total), table.prod(1).sum())


def test_scan_of_unknown_length():
    x = leaf.placeholder((None, 2), name="x")
    total, _ = control.scan(lambda c, row: (c + row, ()), leaf.zeros((2,)), x)
    for length in (0, 1, 5):
        array = numbers((length, 2))
        found = evaluate([total], {x: array})[0]
        np.testing.assert_allclose(found, array.sum(0), 1e-5, 1e-6)


@pytest.mark.parametrize("start", [1, 6, 27])
def test_while_loop_counts_the_steps_of_collatz(start):
    def step(carry):
        n, steps = carry
        return elementwise.where(elementwise.equal(n % 2, 0), n // 2, 3 * n + 1), steps + 1

    n, steps = control.while_loop(
        lambda c: elementwise.not_equal(c[0], 1), step, (leaf.constant(start), leaf.constant(0))
    )
    assert (value(n), value(steps)) == (1, {1: 0, 6: 8, 27: 111}[start])


def test_cond_runs_one_branch():
    x, flag = leaf.placeholder((3,), name="x"), leaf.placeholder((), "bool", name="flag")
    y = control.cond(flag, lambda v: v * 2, lambda v: v - x.sum(), x)
    assert evaluate([y], {x: [1, 2, 3], flag: True})[0].tolist() == [2, 4, 6]
    assert evaluate([y], {x: [1, 2, 3], flag: False})[0].tolist() == [-5, -4, -3]


def test_a_branch_that_is_not_taken_is_not_run():
    """The loop of the other branch would never end."""
    flag = leaf.placeholder((), "bool", name="flag")

    def endless(n):
        return control.while_loop(lambda c: c < 1, lambda c: c * 1, n)

    y = control.cond(flag, lambda n: n + 7, endless, leaf.constant(0))
    assert evaluate([y], {flag: True})[0] == 7


def test_call_and_all_reduce():
    body, captured = control.trace(
        lambda a, b: [a * b, a + b], [TensorType((2,), dtypes.float32)] * 2
    )
    inputs = (leaf.constant([2.0, 3.0]), leaf.constant([4.0, 5.0]), *captured)
    product, total = build(control.call_op, inputs, {"body": body, "backward": None})
    assert value(product).tolist() == [8, 15]
    assert value(total).tolist() == [6, 8]
    for kind in ("sum", "mean", "max", "min"):
        assert value(control.all_reduce([1, 2], kind)).tolist() == [1, 2]


def test_half_precision_stays_in_a_loop():
    zero, ones = leaf.zeros((), "float16"), leaf.ones((3000,), "float16")
    total, _ = control.scan(lambda c, x: (c + x, ()), zero, ones)
    # Rounded after each step, 2048 + 1 is 2048.
    assert value(total) == 2048
    assert value(reduce.sum(ones)) == 3000


def keep(carry, _):
    return carry, ()


ROWS, FLAG = leaf.zeros((2, 3)), leaf.constant(True)
# fmt: off
WRONG = [
    (ShapeError,    "change their types",   lambda: control.scan(lambda c, x: (x, ()), 0.0, ROWS)),
    (ArgumentError, "needs xs or a length", lambda: control.scan(keep, 0.0)),
    (ShapeError,    "the first axis",       lambda: control.scan(keep, 0, leaf.zeros(()))),
    (ShapeError,    "differ in length",     lambda: control.scan(keep, 0, (ROWS, ROWS[1:]))),
    (DTypeError,    "is a bool scalar",     lambda: control.cond(1, lambda: 1, lambda: 2)),
    (ShapeError,    "change their types",   lambda: control.cond(FLAG, lambda: 1, lambda: 2.0)),
    (ArgumentError, "no such reduction",    lambda: control.all_reduce([1], "median")),
]
# fmt: on


@pytest.mark.parametrize(("error", "text", "function"), WRONG)
def test_errors(error, text, function):
    with pytest.raises(error, match=text):
        function()
