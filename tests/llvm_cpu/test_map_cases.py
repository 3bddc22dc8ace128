"""Each kernel of the table at many sizes, known and named, for several vector widths."""

from __future__ import annotations

import pytest

from graphc.backends.llvm_cpu.host import host
from graphc.ir.dim import named

from .map_cases import CASES, inputs_for
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
