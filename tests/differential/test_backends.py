"""Native code against the reference on random graphs, with passes on, off, and each off alone."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.compiler import function
from graphc.ir.graph import topological
from graphc.passes.pipeline import PIPELINE
from graphc.schedule.schedule import SCHEDULE_PASSES

from .random_graphs import random_graph

NAMES = tuple(dict.fromkeys([*(p.__name__ for p in PIPELINE), *sorted(SCHEDULE_PASSES)]))
COUNT, STEP = 2000, 100
BLOCKS = range(0, COUNT, STEP)
QUICK = 15  # graphs of each block that the ordinary suite runs

# Float results may differ by rounding that the graph amplifies; bfloat16 also because chains of it
# are computed in float32 and rounded once.
TOLERANCE = {"bfloat16": 1e-1, "float32": 2e-4}


def tolerance_of(case) -> float:
    names = {t.dtype.name for n in topological(case.outputs) for t in n.outputs}
    return max((TOLERANCE.get(n, 0.0) for n in names), default=0.0) or 1e-9


def check(seed: int, disable: tuple[str, ...]) -> None:
    case = random_graph(seed)
    wanted = function(case.inputs, case.outputs, target="reference", disable=NAMES)(*case.data)
    native = function(case.inputs, case.outputs, target="llvm_cpu", disable=disable)(*case.data)
    tolerance = tolerance_of(case)
    for t, a, b in zip(case.outputs, wanted, native, strict=True):
        assert a.dtype == b.dtype, f"seed {seed}, {t.name}: {a.dtype} and {b.dtype}"
        assert a.shape == b.shape, f"seed {seed}, {t.name}: {a.shape} and {b.shape}"
        np.testing.assert_allclose(
            b.astype(np.float64), a.astype(np.float64), rtol=tolerance, atol=tolerance,
            err_msg=f"seed {seed}, {t.name}, without {disable}",
        )  # fmt: skip


@pytest.mark.parametrize("disable", [(), NAMES], ids=["on", "off"])
@pytest.mark.parametrize("first", BLOCKS[::2])
def test_some_graphs(first, disable):
    for seed in range(first, first + QUICK):
        check(seed, disable)


@pytest.mark.parametrize("name", NAMES)
def test_each_pass_off_alone(name):
    start = 100 * NAMES.index(name)
    for seed in range(start + QUICK, start + 2 * QUICK):
        check(seed, (name,))


@pytest.mark.slow
@pytest.mark.parametrize("first", BLOCKS)
@pytest.mark.parametrize("disable", [(), NAMES, *((n,) for n in NAMES)], ids=["on", "off", *NAMES])
def test_all_graphs(first, disable):
    for seed in range(first, first + STEP):
        check(seed, disable)
