"""Each kernel of the table at many sizes, known and named, for several vector widths."""

from __future__ import annotations

import pytest

from graphc.backends.llvm_cpu.host import host
from graphc.ir.dim import named
from graphc.kernels.build import load, reduce
from graphc.kernels.kernel import Kernel

from .map_cases import CASES, axes, inputs_for, put, rows, sub, total, x_of
from .map_runner import Compiled, check, narrower

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

SIZES = ((0, 5), (5, 0), (1, 1), (2, 3), (3, 16), (13, 15), (5, 17), (33, 65), (3, 130), (65, 7))
KNOWN = ((3, 16), (7, 37), (1, 131), (18, 64), (64, 1))
NEEDS_POINTS = frozenset({"batch_statistics"})
"""Kernels that read a fixed element of a dimension."""


@pytest.mark.parametrize("name", CASES)
def test_named_sizes(name: str) -> None:
    kernel = CASES[name](named("n"), named("c"))
    compiled = Compiled(kernel)
    for n, c in SIZES:
        if n or name not in NEEDS_POINTS:
            check(kernel, {"n": n, "c": c}, inputs_for(name, n, c), 1e-4, compiled=compiled)


@pytest.mark.parametrize("name", CASES)
def test_known_sizes(name: str) -> None:
    for n, c in KNOWN:
        check(CASES[name](n, c), {}, inputs_for(name, n, c), 1e-4, (1, 3, 64))


@pytest.mark.skipif(not host().is_x86, reason="the features named here are those of x86")
@pytest.mark.parametrize("lanes", [8, 4])
@pytest.mark.parametrize("name", CASES)
def test_narrow_vectors(name: str, lanes: int) -> None:
    if host().lanes <= lanes:
        pytest.skip("the machine's own vectors are no wider")
    kernel = CASES[name](named("n"), 37)
    compiled = Compiled(kernel, narrower(lanes))
    for n in (1, 9):
        check(kernel, {"n": n}, inputs_for(name, n, 37), 1e-4, (1, 7), compiled=compiled)


def test_loops_that_do_not_run_read_nothing() -> None:
    """What is the same in a whole loop is read before it, but not if the loop is empty."""
    n, c = named("n"), named("c")
    first_row = load(x_of("x", n, c), 0, "c")
    first = load(x_of("z", n), 0)
    shifted = sub(sub(rows("x", n, c), first_row), first)
    sums = (put("s", "c", total(shifted, "n"), c), put("t", "", reduce("max", shifted, "n c")))
    kernel = Kernel("shifted", axes(n=n, c=c), sums)
    for sizes in ({"n": 0, "c": 40}, {"n": 3, "c": 0}, {"n": 5, "c": 70}):
        check(kernel, sizes, chunks=(1, 3))
