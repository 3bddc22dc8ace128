"""Loops and branches inside one native call: carries, rows, captured values, nesting, checks."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.backends.llvm_cpu.run import runner, words
from graphc.dtypes import bool_
from graphc.errors import OutOfRangeError
from graphc.kernels import build
from graphc.ops.variable import variable
from graphc.provenance import Source
from graphc.schedule.plan import CheckStep, CondStep, Plan, ScanStep, Storage, WhileStep

from .plans import given, m, memory, n, plan, plus, point, result, run, times


def parameter(name: str, index: int, shape=(), dtype=dtypes.float32) -> Storage:
    return memory(name, shape, "parameter", index, dtype)


def answer(name: str, index: int, shape=(), dtype=dtypes.float32) -> Storage:
    return memory(name, shape, "result", index, dtype)


def running(reverse: bool = False) -> Plan:
    """c = c * k + x[t]; ys[t] = c + x[t]: a carry, rows in and out, a captured vector."""
    c, x, k = parameter("c", 0, (m,)), parameter("x", 1, (m,)), parameter("k", 2, (m,))
    d, y, e = memory("d", (m,)), answer("y", 1, (m,)), answer("e", 0, (m,))
    body = plan(point(d, times, c, k), point(e, plus, d, x), point(y, plus, e, x))
    init, xs, ks = given("init", (m,)), given("xs", (n, m), 1), given("ks", (m,), 2)
    final, ys = result("final", (m,)), result("ys", (n, m), 1)
    step = ScanStep(body, n, reverse, (init,), (xs,), (ks,), (final,), (ys,))
    return plan(step, storages=(init, xs, ks, final, ys))


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_with_carry_rows_and_captured_values(reverse: bool) -> None:
    executable = LLVMExecutable(running(reverse))
    rng = np.random.default_rng(0)
    for length, width in ((3, 4), (0, 5), (1, 1), (200, 7), (2, 0), (5, 300)):
        init, ks = rng.standard_normal((2, width)).astype(np.float32) * np.float32(0.5)
        xs = rng.standard_normal((length, width)).astype(np.float32)
        final, ys = executable.run([init, xs, ks], {"n": length, "m": width})
        carry, want = init, np.zeros_like(xs)
        for t in reversed(range(length)) if reverse else range(length):
            carry = carry * ks + xs[t]
            want[t] = carry + xs[t]
        np.testing.assert_allclose(final, carry, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(ys, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reverse", [False, True])
def test_carries_that_are_stacked_before_and_after_each_turn(reverse: bool) -> None:
    """c, d = c + d, d * x[t]; rows of c before and of d after each turn, without copies."""
    c, d, x = (parameter(name, i, (m,)) for i, name in enumerate("cdx"))
    e, g = answer("e", 0, (m,)), answer("g", 1, (m,))
    body = plan(point(e, plus, c, d), point(g, times, d, x))
    ins = [given("c0", (m,)), given("d0", (m,), 1)]
    xs = given("xs", (n, m), 2)
    outs = [result("c", (m,)), result("d", (m,), 1)]
    cs, ds = result("cs", (n, m), 2), result("ds", (n, m), 3)
    step = ScanStep(
        body, n, reverse, tuple(ins), (xs,), (), tuple(outs), (), ((0, cs),), ((1, ds),)
    )
    executable = LLVMExecutable(plan(step, storages=(*ins, xs, *outs, cs, ds)))
    for length in (3, 0, 1, 2, 9):
        rows = np.random.default_rng(0).integers(-2, 3, (length, 5)).astype(np.float32)
        first, second = np.arange(5, dtype=np.float32), np.ones(5, np.float32)
        got = executable.run([first, second, rows], {"n": length, "m": 5})
        before, after = np.zeros_like(rows), np.zeros_like(rows)
        for t in reversed(range(length)) if reverse else range(length):
            before[t], after[t] = first, second * rows[t]
            first, second = first + second, second * rows[t]
        for a, b in zip(got, (first, second, before, after), strict=True):
            np.testing.assert_array_equal(a, b)


def test_carries_may_change_places() -> None:
    """a, b = b, a + b: each turn reads both before the next overwrites either."""
    a, b = parameter("a", 0, (), dtypes.int64), parameter("b", 1, (), dtypes.int64)
    c, d = answer("c", 0, (), dtypes.int64), answer("d", 1, (), dtypes.int64)
    body = plan(point(c, lambda v: v, b), point(d, plus, a, b))
    ins = [given(x, (), i, dtypes.int64) for i, x in enumerate("ab")]
    outs = [result(x, (), i, dtypes.int64) for i, x in enumerate("ab")]
    step = ScanStep(body, n, False, tuple(ins), (), (), tuple(outs), ())
    executable = LLVMExecutable(plan(step, storages=(*ins, *outs)))
    start = [np.array(x, np.int64) for x in (0, 1)]
    for turns, want in ((0, (0, 1)), (1, (1, 1)), (2, (1, 2)), (10, (55, 89)), (51, None)):
        got = executable.run(start, {"n": turns})
        if want is not None:
            assert tuple(map(int, got)) == want
    assert int(got[0]) == 20365011074


def collatz() -> tuple[Plan, Plan]:
    """Condition v != 1 and body v, k = (3v + 1 if odd else v / 2), k + 1, as a branch."""
    i64 = dtypes.int64
    v, flag = parameter("v", 0, (), i64), answer("flag", 0, (), bool_)
    condition = plan(point(flag, lambda a: build.op("not_equal", a, 1), v))
    v, k = parameter("v", 0, (), i64), parameter("k", 1, (), i64)
    odd, w, j = memory("odd", (), dtype=bool_), answer("w", 0, (), i64), answer("j", 1, (), i64)
    up, down = parameter("v", 0, (), i64), parameter("v", 0, (), i64)
    grown, halved = answer("r", 0, (), i64), answer("r", 0, (), i64)
    then = plan(point(grown, lambda a: plus(times(a, 3), 1), up))
    otherwise = plan(point(halved, lambda a: build.op("floor_divide", a, 2), down))
    is_odd = point(odd, lambda a: build.op("equal", build.op("remainder", a, 2), 1), v)
    branch = CondStep(odd, then, otherwise, (v,), (w,))
    body = plan(is_odd, branch, point(j, lambda a: plus(a, 1), k), storages=(v, w))
    return condition, body


def test_while_with_a_branch_inside() -> None:
    condition, body = collatz()
    ins = [given(x, (), i, dtypes.int64) for i, x in enumerate("vk")]
    outs = [result(x, (), i, dtypes.int64) for i, x in enumerate("vk")]
    step = WhileStep(condition, body, tuple(ins), (), tuple(outs))
    executable = LLVMExecutable(plan(step, storages=(*ins, *outs)))
    for start, turns in ((1, 0), (2, 1), (27, 111), (97, 118)):
        got = executable.run([np.array(start, np.int64), np.array(0, np.int64)], {})
        assert [int(x) for x in got] == [1, turns]


@pytest.mark.parametrize("choice", [False, True])
def test_cond_runs_one_branch(choice: bool) -> None:
    p, x, y = given("p", (), dtype=bool_), given("x", (n,), 1), result("y", (n,))
    a, b = parameter("a", 0, (n,)), parameter("b", 0, (n,))
    s, t = answer("s", 0, (n,)), answer("t", 0, (n,))
    mid = memory("mid", (n,))
    then = plan(point(mid, plus, a, a), point(s, times, mid, a))
    step = CondStep(p, then, plan(point(t, lambda v: plus(v, 1.0), b)), (x,), (y,))
    v = np.arange(5, dtype=np.float32)
    (got,) = run(plan(step, storages=(p, x, y)), np.array(choice), v, n=5)
    np.testing.assert_array_equal(got, 2 * v * v if choice else v + 1)


def test_scan_in_scan() -> None:
    """Running sums of running sums, rows of rows: s[i, j] = sum of x[:i+1, :j+1]."""
    inner = plan(
        point(answer("c1", 0), plus, c := parameter("c", 0), x := parameter("x", 1)),
        point(answer("y", 1), plus, c, x),
    )
    zero = memory("zero", (), "constant", value=np.zeros((), np.float32))
    rows, row = parameter("above", 0, (m,)), parameter("x", 1, (m,))
    last, sums = memory("last"), memory("sums", (m,))
    scan = ScanStep(inner, m, False, (zero,), (row,), (), (last,), (sums,))
    below, out = answer("below", 0, (m,)), answer("out", 1, (m,))
    steps = [scan, point(below, plus, sums, rows), point(out, plus, sums, rows)]
    body = plan(*steps, storages=(zero, row))
    init, xs = given("init", (m,)), given("xs", (n, m), 1)
    final, ys = result("final", (m,)), result("ys", (n, m), 1)
    outer = ScanStep(body, n, False, (init,), (xs,), (), (final,), (ys,))
    executable = LLVMExecutable(plan(outer, storages=(init, xs, final, ys)))
    for shape in ((4, 5), (1, 1), (0, 3), (3, 0), (30, 20)):
        a = np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32)
        got = executable.run([np.zeros(shape[1], np.float32), a], {"n": shape[0], "m": shape[1]})
        want = a.cumsum(0).cumsum(1)
        np.testing.assert_array_equal(got[1], want)
        np.testing.assert_array_equal(got[0], want[-1] if shape[0] else np.zeros(shape[1]))


def test_check_in_a_body_stops_the_call() -> None:
    x, flag = parameter("x", 0, (), dtypes.int32), memory("flag", (), dtype=dtypes.int32)
    where = Source("model.py", 3)
    is_five = point(flag, lambda a: build.op("cast", build.op("equal", a, 5), dtype=x.dtype), x)
    body = plan(is_five, CheckStep(flag, "five", where), storages=(x,))
    xs = given("xs", (n,), dtype=dtypes.int32)
    w, v = variable(np.zeros(2, np.float32), name="after_loop"), memory("w", (2,), "variable", 0)
    loop = ScanStep(body, n, False, (), (xs,), (), (), ())
    after = point(v, lambda a: plus(a, 1.0), v)
    executable = LLVMExecutable(plan(loop, after, storages=(xs,), commit=1), [w])
    executable.run([np.arange(5, dtype=np.int32)], {"n": 5})
    with pytest.raises(OutOfRangeError, match="five"):
        executable.run([np.arange(6, dtype=np.int32)], {"n": 6})
    np.testing.assert_array_equal(w.storage, [1, 1])


def test_results_do_not_depend_on_how_often_native_code_rests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executable = LLVMExecutable(running())
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(s).astype(np.float32) for s in (6, (40, 6), 6)]
    want = executable.run(values, {"n": 40, "m": 6})
    monkeypatch.setattr(runner, "SLICE", -1)
    monkeypatch.setattr(words, "SMALLEST_SHARED", 1)
    monkeypatch.setattr(words, "LONGEST_PART", 1)
    executable = LLVMExecutable(running())
    got = executable.run(values, {"n": 40, "m": 6})
    assert [a.tobytes() for a in got] == [a.tobytes() for a in want]
