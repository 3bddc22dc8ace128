"""The table of kernels: kinds, turns of loops, bounds, and the chunks that are simulated."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from benchmarks import kernels, workloads
from benchmarks.kernels import Rates, Timed
from benchmarks.networks import Workload
from benchmarks.threads import loops
from graphc.backends.llvm_cpu.run.pool import set_threads
from graphc.crew import available_cores

RATES = Rates(peak=100.0, copies=((10.0, 5.0), (inf, 2.0)))


def small(b, x):
    x = b.max_pool(b.relu(b.conv(x, 4, 3)), 2, 2)
    return b.dense(b.flatten(b.relu(b.conv(x, 4, 1))), 3)


@pytest.fixture(scope="module")
def step():
    w = Workload("small", small, (8, 8, 2), 3, 4, "sgd", ())
    return workloads.training(w), list(w.data(4))


def test_bound_is_of_products_or_of_memory():
    assert RATES.bound(1000.0, 5.0) == 10.0
    assert RATES.bound(100.0, 10.0) == 2.0
    assert RATES.bound(100.0, 20.0) == 10.0


def test_kernels_of_a_step(step):
    f, arrays = step
    rows = kernels.timed(f, arrays, RATES, calls=2)
    kinds = {r.family for r in rows}
    assert {"conv 3x3 forward", "conv 3x3 dw", "conv 1x1 dx", "matmul", "pool"} <= kinds
    assert "conv 3x3 dx" not in kinds, "nobody needs the gradient of the images"
    assert [r.seconds for r in rows] == sorted((r.seconds for r in rows), reverse=True)
    first = next(r for r in rows if r.family == "conv 3x3 forward")
    assert first.flops >= 2 * 4 * 6 * 6 * 4 * 18


def test_loops_are_all_of_the_time(step):
    f, arrays = step
    try:
        found = loops(f, arrays)
    finally:
        set_threads(available_cores())
    assert all(1 <= loop.chunks <= max(1, loop.items) for loop in found)
    assert {name.name.split()[0] for name in found} >= {"conv", "matmul"}


def test_turns_of_a_loop_count():
    w = Workload("recurrent", lambda b, x: b.dense(b.lstm(x, 4), 3), (5, 3), 3, 2, None, (2,))
    f = workloads.inference(w)
    executable = f.executable
    often = kernels.turns(executable.plan, 1, kernels.sizes_of(f, [w.data(2)[0]]))
    assert set(often.values()) == {1, 5}


def test_families_add_up():
    rows = [Timed("a", "map", "", 2.0, 4.0, 0.0, 1.0), Timed("b", "map", "", 1.0, 2.0, 0.0, 0.5)]
    head, one, everything = kernels.families(rows, 3.0)
    assert head[0] == "family"
    assert one[:4] == ["map", "2", "3000.000", "100.0%"]
    assert everything[1:] == one[1:]
    assert kernels.page("title", RATES, rows, 3.0, 1).count("\n| a ") == 1


def test_sizes_are_those_of_the_inputs(step):
    f, arrays = step
    assert set(kernels.sizes_of(f, arrays).values()) == {4}
    assert isinstance(f(*arrays), np.ndarray | np.floating)
