"""Convolutions whose operands are copied as boxes of pixels: forward and both gradients."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import prod

import pytest
from contraction_forms import Conv

from graphc import dtypes
from graphc.backends.triton_gpu.grain import GRAIN
from graphc.backends.triton_gpu.source.boxes import Box, best_box, exact_box
from graphc.backends.triton_gpu.source.contract import candidates
from graphc.backends.triton_gpu.source.contract_tile import ProductTile
from graphc.ir import dim
from graphc.kernels.kernel import Axis, Kernel
from graphc.kernels.merge import merge_axes
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.phases import split_phases
from graphc.kernels.settle import settled
from graphc.kernels.split import split_rows
from graphc.kernels.walk import rebuild

from .contract_runner import emitted, launches_of, near

B = dim.named("batch")
F32, F64, BF16, F16 = dtypes.float32, dtypes.float64, dtypes.bfloat16, dtypes.float16
TILE = ProductTile(128, 64, 16, 4, 2, maps=True)
PARTS = replace(GRAIN, parts=2, small_products=1, least_sum=1)

# fmt: off
CASES = {  # the convolution, and the boxes of its input in the first kernel; what is no box is read
    ("3x3", "forward"):                  (2, 8, 8, 16),
    ("odd", "forward"):                  (64, 1, 2, 16),
    ("stride", "forward"):               (16, 4, 1, 2, 16),     # image, line, which of 2, pixel, ..
    ("7x7", "forward"):                  (32, 2, 1, 2, 16),
    ("points", "forward"):               (16, 4, 2, 16),        # lines of 6 * 2 are one dimension
    ("line", "forward"):                 (16, 8, 16),
    ("groups", "forward"):               (2, 8, 8, 16),
    ("48 channels", "forward"):          (2, 8, 8, 16),
    ("24 channels", "forward"):          None,                  # a block of 16 ends amid a tap
    ("odd stride", "forward"):           None,                  # lines of 9 are no pairs
    ("odd", "input_gradient"):           (64, 1, 2, 16),
    ("stride", "input_gradient"):        (16, 4, 2, 16),
    ("dilated", "input_gradient"):       (32, 2, 2, 16),
    ("48 channels", "input_gradient"):   None,
    ("3x3", "weight_gradient"):          None,                  # 64 rows are more than a tap has
    ("wide", "weight_gradient"):         (1, 2, 8, 64),
    ("odd", "weight_gradient"):          (16, 1, 4, 16),        # 4 taps of a line, 3 of them exist
    ("points", "weight_gradient"):       (2, 4, 2, 64),
}
CONVOLUTIONS = {
    "3x3":         Conv(B, (8, 8),   32, 64,  (3, 3), pad=1),
    "odd":         Conv(B, (3, 5),   16, 32,  (3, 3), pad=1),
    "wide":        Conv(B, (8, 8),   128, 16, (3, 3), pad=1),
    "stride":      Conv(B, (8, 12),  16, 64,  (3, 3), pad=1, stride=2),
    "odd stride":  Conv(B, (9, 7),   16, 64,  (3, 3), pad=1, stride=2),
    "dilated":     Conv(B, (10, 10), 16, 64,  (2, 2), pad=0, dilation=2),
    "7x7":         Conv(B, (12, 12), 16, 24,  (7, 7), pad=3, stride=2),
    "points":      Conv(B, (8, 12),  128, 64, (1, 1), stride=2),
    "line":        Conv(B, (40,),    32, 64,  (5,),   pad=2),
    "groups":      Conv(B, (8, 8),   32, 128, (3, 3), pad=1, groups=2),
    "48 channels": Conv(B, (8, 8),   48, 40,  (3, 3), pad=1),
    "24 channels": Conv(B, (8, 8),   24, 64,  (3, 3), pad=1),
}
# fmt: on


def kernels_of(name: str, form: str, dtype) -> tuple[Kernel, ...]:
    whole = getattr(replace(CONVOLUTIONS[name], dtype=dtype), form)()
    if form == "input_gradient":
        return split_phases(whole) or (whole,)
    return split_for_parallelism(whole, PARTS) if form == "weight_gradient" else (whole,)


@pytest.mark.parametrize(("name", "form"), CASES, ids=map(" ".join, CASES))
def test_boxes(name, form):
    """In turn of three dtypes."""
    dtype = (F32, BF16, F16)[list(CASES).index((name, form)) % 3]
    kernels = kernels_of(name, form, dtype)
    rows = 64 if form == "weight_gradient" else 128
    made = [launches_of(k, replace(TILE, rows=rows)) for k in kernels]
    blocks = {m.pointer: m.block for m in made[0].launches[0].maps}
    read = "dy" if form == "input_gradient" else "x"
    assert blocks.get(read) == CASES[name, form]
    near(kernels, kernels_of(name, form, F64), made, {"batch": 3})


@pytest.mark.parametrize("batch", [0, 1, 5])
@pytest.mark.parametrize("form", ["forward", "weight_gradient"])
def test_every_batch(form, batch):
    kernels = kernels_of("wide", form, F32)
    made = [launches_of(k, replace(TILE, columns=16)) for k in kernels]
    assert made[0].launches[0].maps
    near(kernels, kernels_of("wide", form, F64), made, {"batch": batch})


def test_a_last_part_that_ends_amid_a_box():
    """Of 40 images 32 and 8, in boxes of 16: what is loaded by addresses ends with the array."""

    def kernels(dtype):
        whole = replace(CONVOLUTIONS["odd"], batch=40, dtype=dtype).weight_gradient()
        return split_for_parallelism(whole, PARTS)

    first, *rest = kernels(F32)
    assert [a.size for a in first.axes if a.part] == [32]
    made = [emitted(first, TILE), *map(launches_of, rest)]
    (launch,) = made[0].launches
    assert [m.pointer for m in launch.maps] == ["dy"]
    (load,) = (line for line in launch.source.splitlines() if "tl.load(x_ptr" in line)
    assert "< count" in load
    near(kernels(F32), kernels(F64), made, {})


def test_a_part_amid_the_axes_of_a_sum():
    """Of 7 lines of each of two images 4 and 3: that a line is missing only a mask can tell."""

    def kernels(dtype):
        whole = Conv(2, (7, 16), 128, 32, (3, 3), pad=1, dtype=dtype).weight_gradient()
        return split_rows(merge_axes(settled(whole)), "o0", 2, 4)

    first, *rest = kernels(F32)
    assert [(a.size, a.part.total) for a in first.axes if a.part] == [(4, 7)]
    made = [emitted(first, TILE), *map(launches_of, rest)]
    near(kernels(F32), kernels(F64), made, {})


@pytest.mark.parametrize("wide", [False, True])
def test_sums_over_all_pixels_and_offsets_of_64_bits(wide):
    def form(d):
        return replace(CONVOLUTIONS["odd"], dtype=d).forward("bias sums")

    made = emitted(form(F32), TILE, wide)
    assert made.launches[0].maps
    for batch in (1, 4):
        near([form(F32)], [form(F64)], [made], {"batch": batch})


@pytest.mark.parametrize("columns", [32, 64])
def test_boxes_come_second_where_the_first_operand_is_tall_enough(columns):
    launch = emitted(
        kernels_of("3x3", "forward", BF16)[0], replace(TILE, columns=columns)
    ).launches[0]
    order = "w_block" if columns >= 64 else "x_block"
    assert f"tl.dot({order}" in launch.source


def test_no_box_is_of_an_array_that_is_filled_with_something_else():
    conv = CONVOLUTIONS["3x3"]
    x = replace(conv.x(), fill=1.0)
    whole = conv.forward()
    assert {m.pointer for m in emitted(whole, TILE).launches[0].maps} == {"x", "w"}
    (plain,) = whole.stores
    value = rebuild([plain.value], {conv.x(): x})[plain.value]
    filled = replace(whole, stores=(replace(plain, value=value),))
    assert {m.pointer for m in emitted(filled, TILE).launches[0].maps} == {"w"}


def test_depths_that_end_at_taps():
    found = candidates(CONVOLUTIONS["48 channels"].forward(), processors=132)
    assert {t.depth for t in found if t.maps} == {16}


# fmt: off
BOXES = [  # sizes of axes, points, the best box of them
    ((64, 56, 56), 128, (2, 8, 8)),
    ((64, 28, 28), 128, (8, 4, 4)),
    ((64, 14, 14), 128, (32, 2, 2)),
    ((64, 7, 7),   128, (16, 1, 8)),
    ((256, 7, 7),  128, (128, 1, 1)),
    ((1, 56, 56),  128, (1, 2, 64)),
    ((1, 7, 7),    64,  (1, 8, 8)),
    ((1, 1, 1),    16,  None),
    ((5,),         128, (128,)),
]
# fmt: on


@pytest.mark.parametrize(("sizes", "points", "best"), BOXES)
def test_the_box_that_wastes_least(sizes, points, best):
    axes = [Axis(f"a{i}", n) for i, n in enumerate(sizes)]
    found = best_box(axes, points)
    assert (found and found.points) == best
    if found and len(sizes) > 1:
        shapes = product([2**i for i in range(9)], repeat=len(sizes))
        others = [Box(tuple(axes), s) for s in shapes if prod(s) == points]
        assert found.blocks == min(b.blocks for b in others)


def test_exact_boxes():
    def of(sizes, points):
        found = exact_box([Axis(f"a{i}", n) for i, n in enumerate(sizes)], points)
        return found and found.points

    assert of((64, 28, 28), 64) == (4, 4, 4)
    assert of((64, 7, 7), 64) == (64, 1, 1)
    assert of((8, 7, 7), 64) is None, "most of it would be empty"
    assert of((B, 56, 56), 64) == (1, 8, 8)
    assert of((100,), 64) == (64,)
