"""Maps, reductions and scatters in Triton's interpreter: the kernels of the CPU's tests."""

from __future__ import annotations

import pytest
from llvm_cpu.map_cases import CASES, inputs_for
from llvm_cpu.random_kernels import MOST, RandomKernel

from graphc.ir import dim
from graphc.kernels.printer import show

from .interpreted import check

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

SLOW = {"max_pool_back"}  # a window in a window: 81 bodies, which the interpreter runs one by one
LONG = {"max_pool", "scatter_sum"}
"""The interpreter needs seconds for each of their blocks of columns."""


@pytest.mark.parametrize("name", [n for n in CASES if n not in SLOW])
@pytest.mark.parametrize(("n", "c"), [(5, 7), (1, 1)])
def test_known_sizes(name, n, c):
    check(CASES[name](n, c), {}, inputs_for(name, n, c), 1e-4)


@pytest.mark.parametrize("name", [n for n in CASES if n not in SLOW])
def test_symbolic_sizes(name):
    kernel = CASES[name](dim.named("n"), dim.named("c"))
    c = 33 if name in LONG else 130
    check(kernel, {"n": 3, "c": c}, inputs_for(name, 3, c), 1e-4)


@pytest.mark.parametrize("name", ["softmax", "layer_norm_back", "dropout", "scatter_sum"])
def test_offsets_of_64_bits(name):
    check(CASES[name](dim.named("n"), 33), {"n": 3}, inputs_for(name, 3, 33), 1e-4, wide=True)


SMALL = 150
"""Points of a random kernel: of thousands, the interpreter takes minutes for some."""
QUICK = (14, 15, 16, 17, 18, 19, 46, 63, 70, 71, 72, 75, 77, 78, 79)
"""Kernels that are quick with thousands of points, too."""


@pytest.mark.parametrize("seed", range(26))
def test_random_kernels(seed: int) -> None:
    of_seed(seed, SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("ten", range(2, 8))
def test_more_random_kernels(ten: int) -> None:
    for seed in range(10 * ten, 10 * ten + 10):
        of_seed(seed, SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("seed", QUICK)
def test_large_random_kernels(seed: int) -> None:
    of_seed(seed, MOST)


def of_seed(seed: int, points: int) -> None:
    drawn = RandomKernel(seed, most=points)
    try:
        check(drawn.kernel, drawn.sizes, drawn.inputs, 2e-4)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, {drawn.sizes}\n{show(drawn.kernel)}") from error
