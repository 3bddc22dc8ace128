"""Operands of contractions that are copied because their rows lie badly, and results by rows."""

from __future__ import annotations

import pytest
from contraction_forms import Conv, matmul

from graphc import dtypes
from graphc.backends.llvm_cpu.contract.operands import Box, Panels
from graphc.backends.llvm_cpu.contract.plan import plan_of
from graphc.backends.llvm_cpu.contract.tile import Tile
from graphc.backends.llvm_cpu.host import host, named
from graphc.ir import dim

from .contract_runner import check

B = dim.named("batch")
F32 = dtypes.float32
BATCHES = (3, 0, 1)


def check_batches(form, tile=None):
    compiled = None
    for batch in BATCHES:
        compiled = check(form, {"batch": batch}, tile=tile, compiled=compiled, chunks=(1, 3))


# fmt: off
FAR = [  # image, channels in and out, taps, and what differs
    ((6, 5),   256, 140, (1, 1), {}),
    ((6, 5),    40, 140, (3, 3), {"pad": 1}),
    ((7, 6),    40, 136, (3, 2), {"stride": 2}),
    ((6, 5),   512, 256, (1, 1), {"groups": 4}),
    ((12, 11),  64, 256, (3, 3), {"pad": 2, "dilation": 2, "groups": 4}),
]
# fmt: on


@pytest.mark.parametrize("case", FAR, ids=str)
def test_weight_gradients_copy_what_a_step_reads_of_far_rows(case):
    *args, more = case

    def form(dtype):
        return Conv(B, *args, dtype=dtype, **more).weight_gradient()

    plan = plan_of(form(F32), host())
    assert plan is not None
    assert isinstance(plan.b[0], Box)
    check_batches(form)


def test_rows_at_powers_of_two_are_copied_with_a_gap():
    plan = plan_of(Conv(B, (6, 5), 1024, 256, (1, 1)).weight_gradient(), host())
    assert plan is not None
    assert isinstance(plan.a, Box)
    assert plan.a.step(plan.c.k[-1]) * plan.a.dtype.itemsize % 1024 != 0
    plan = plan_of(Conv(B, (6, 5), 100, 256, (1, 1)).weight_gradient(), host())
    assert plan is not None
    assert not isinstance(plan.a, Box)


def test_what_does_not_fit_is_read_in_place():
    """An item that is asked for may be too large for copies, but is done all the same."""
    kernel = Conv(64, (8, 8), 1024, 256, (1, 1)).weight_gradient()
    tile = Tile(1, 4, 1)
    plan = plan_of(kernel, host(), tile)
    assert plan is not None
    assert not isinstance(plan.a, Box)


def test_columns_far_apart_are_copied_where_lanes_run_along_the_sum():
    def form(dtype):
        return Conv(B, (7, 7), 3, 1024, (3, 3), dtype=dtype).input_gradient()

    plan = plan_of(form(F32), host())
    assert plan is not None
    assert plan.tile.along == "k"
    assert isinstance(plan.b[0], Panels)
    check_batches(form)


def test_slices_of_groups_are_copied():
    def form(dtype):
        return Conv(B, (12, 11), 64, 80, (3, 3), groups=4, dtype=dtype).forward()

    plan = plan_of(form(F32), host())
    assert plan is not None
    assert isinstance(plan.b[0], Panels)
    check_batches(form)


# fmt: off
NARROW = [  # rows of 512 bytes: with vectors of 32 bytes a panel is one line of each
    ("x86-64-v3", (B,  128, 9216), True,  True),    # kept between calls
    ("x86-64-v3", (B,  128, 9216), False, False),
    ("x86-64-v3", (B,  112, 9216), True,  False),   # rows of 448 bytes use all sets
    ("x86-64-v3", (B,  128, 784),  True,  False),   # a second-level cache holds them
    ("x86-64-v4", (B,  128, 9216), True,  False),
    ("x86-64-v3", (64, 128, 1000), False, True),    # all rows are known, and enough
    ("x86-64-v3", (32, 128, 1000), False, False),
]
# fmt: on


@pytest.mark.parametrize(("machine", "sizes", "kept", "copied"), NARROW)
def test_narrow_rows_that_share_sets_of_a_cache_are_copied(machine, sizes, kept, copied):
    m, n, k = sizes
    lasting = frozenset("b" if kept else "")
    plan = plan_of(matmul(m, n, k, "nn"), named(machine), lasting=lasting)
    assert plan is not None
    assert isinstance(plan.b[0], Panels) == copied


@pytest.mark.parametrize("epilogue", ["", "bias relu", "bias sums"])
@pytest.mark.parametrize(("m", "n", "k"), [(B, 3100, 15), (B, 3200, 9), (70, 3001, 5)])
def test_few_products_per_result_are_done_row_by_row(m, n, k, epilogue):
    def form(dtype):
        return matmul(m, n, k, "nn", dtype, epilogue=epilogue)

    plan = plan_of(form(F32), host())
    assert plan is not None
    assert plan.tile.rows_first
    compiled = None
    for batch in (29, 0, 1):
        compiled = check(form, {"batch": batch}, compiled=compiled, chunks=(1, 5))


@pytest.mark.parametrize("n", [*range(2, 20), 40])
def test_last_columns_of_every_count(n):
    check(lambda d: matmul(B, n, 7, "nn", d, epilogue="bias relu"), {"batch": 9}, chunks=(1, 2))
