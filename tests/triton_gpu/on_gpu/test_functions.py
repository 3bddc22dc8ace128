"""Functions that share variables, on both sides; sizes that change; errors; epochs."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.compiler import function
from graphc.errors import OutOfRangeError

pytestmark = pytest.mark.gpu


def step_on(target: str, w: gx.Variable):
    x = gx.placeholder((None, 4), name="x")
    loss = gx.mean(gx.square(x @ w - 1.0))
    return function(x, loss, updates={w: w - 0.1 * gx.grad(loss, w)}, target=target)


def weights() -> gx.Variable:
    return gx.variable(np.linspace(-1, 1, 12).reshape(4, 3), "float32", name="w")


def test_cpu_and_gpu_take_turns_on_one_variable(target):
    x = np.random.default_rng(0).normal(0, 1, (8, 4)).astype(np.float32)
    alone, shared = weights(), weights()
    cpu = step_on("llvm_cpu", alone)
    turns = [step_on(target, shared), step_on("llvm_cpu", shared), step_on(target, shared)]
    for i in range(9):
        np.testing.assert_allclose(turns[i % 3](x), cpu(x), rtol=1e-5)
        if i == 4:
            for w in (alone, shared):
                w.assign(w.numpy() * 0.5)
    np.testing.assert_allclose(shared.numpy(), alone.numpy(), rtol=1e-5)


def test_several_functions_share_a_variable_that_stays_on_the_device(target):
    total = gx.variable(np.zeros(5), "float32", name="total")
    x = gx.placeholder((5,), name="x")
    add = function(x, (), updates={total: total + x}, target=target)
    twice = function([], (), updates={total: total * 2.0}, target=target)
    read = function([], gx.sum(total), target=target)
    for _ in range(3):
        add(np.ones(5))
        twice()
    assert read() == 5 * (((1 * 2) + 1) * 2 + 1) * 2
    assert total.numpy().tolist() == [14.0] * 5


def test_batches_of_many_sizes_up_and_down(target, is_real):
    x = gx.placeholder((None, 24), name="x")
    w = gx.variable(np.random.default_rng(1).normal(0, 1, (24, 10)), "float32", name="w")
    outputs = (gx.softmax(gx.relu(x @ w)), gx.sum(x, 0))
    here, there = (function(x, outputs, target=t) for t in (target, "reference"))
    sizes = [1, 7, 128, 3, 1000, 0, 128, 4096, 1] if is_real else [1, 7, 0, 16, 3, 1]
    for size in sizes:
        data = np.random.default_rng(size).normal(0, 1, (size, 24)).astype(np.float32)
        for a, b in zip(here(data), there(data), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_more_sizes_than_are_remembered(target, is_real):
    x = gx.placeholder((None,), name="x")
    f = function(x, gx.sum(gx.exp(x)), target=target)
    for size in range(1, 100 if is_real else 70):
        assert f(np.zeros(size)) == size


def test_loops_that_ask_the_device(target):
    n = gx.placeholder((), "int32", name="n")
    start = gx.constant(0), gx.constant(1)
    _, power = gx.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * 2), start)
    f = function(n, power, target=target)
    assert [int(f(k)) for k in (0, 1, 5, 20)] == [1, 2, 32, 1 << 20]


def test_a_call_that_fails_changes_nothing_and_the_next_one_works(target):
    i = gx.placeholder((2,), "int32", name="i")
    table = gx.variable(np.arange(4.0), "float32", name="table")
    f = function(i, gx.take(table, i), updates={table: table + 1.0}, target=target)
    for _ in range(2):
        before = table.numpy().tolist()
        with pytest.raises(OutOfRangeError, match="outside of its axis of size 4"):
            f([0, 4])
        assert table.numpy().tolist() == before
        assert f([0, 3]).tolist() == [before[0], before[3]]


def test_an_epoch_is_as_many_calls(target, is_real):
    rows = 1000 if is_real else 10
    x = np.random.default_rng(2).normal(0, 1, (rows, 4)).astype(np.float32)
    order = np.random.default_rng(3).permutation(rows)
    w, v = weights(), weights()
    together = step_on(target, w).each_batch(x, size=3, order=order)
    one = step_on(target, v)
    apart = [one(x[order[i : i + 3]]) for i in range(0, rows, 3)]
    assert np.array(together).tolist() == np.array(apart).tolist(), "bit by bit"
    assert w.numpy().tolist() == v.numpy().tolist()
