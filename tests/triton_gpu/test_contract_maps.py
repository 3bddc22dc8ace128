"""Operands that are copied as tiles by descriptors: which can be, and what they mean."""

from __future__ import annotations

from dataclasses import replace

import pytest
from contraction_forms import Conv, axes, batched, buffer, gates, kernel, masked, matmul

from graphc import dtypes
from graphc.backends.triton_gpu.grain import GRAIN
from graphc.backends.triton_gpu.source.contract import candidates, emit_contraction
from graphc.backends.triton_gpu.source.contract_tile import ProductTile
from graphc.ir import dim
from graphc.kernels.build import load, op, reduce, store
from graphc.kernels.parallel import split_for_parallelism

from .contract_runner import check, emitted, launches_of, near

B = dim.named("batch")
F32, F64, BF16, F16 = dtypes.float32, dtypes.float64, dtypes.bfloat16, dtypes.float16
TILE = ProductTile(32, 64, 16, 4, 2, maps=True)
FORMS = ("nn", "nt", "tn", "tt")


def mapped(made) -> set[str]:
    """The pointers of the first launch that are descriptors; all of them are read as tiles."""
    (launch, *rest) = made.launches
    assert not any(x.maps for x in rest)
    names = {m.pointer for m in launch.maps}
    for name in names:
        assert f"{name}_ptr.load([" in launch.source
        assert f"tl.load({name}_ptr" not in launch.source
    return names


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [F32, F64, BF16, F16], ids=str)
def test_both_operands_of_a_product(form, dtype):
    wide, held = (F64, None) if dtype is F64 else (F32, None if dtype is F32 else dtype)

    def made(d):
        return matmul(40, 72, 48, form, d, held if d is F32 else None)

    assert mapped(check(made, dtype=wide, tile=TILE)) == {"a", "b"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", range(3))
def test_a_symbolic_size(form, which):
    """It may count the rows of a matrix, but how long they are must be known."""
    sizes = [40, 72, 48]
    sizes[which] = B
    made = emitted(matmul(*sizes, form, F32, BF16), TILE)
    a_rows, b_rows = 0 if form[0] == "n" else 2, 2 if form[1] == "n" else 1
    columns = {"a": 2 - a_rows, "b": 3 - b_rows}
    assert mapped(made) == {n for n, column in columns.items() if column != which}
    for batch in (0, 1, 33):
        held = [matmul(*sizes, form, F32, BF16)]
        near(held, [matmul(*sizes, form, F64)], [made], {"batch": batch})


@pytest.mark.parametrize("wide", [False, True])
def test_groups_of_columns_batches_and_offsets_of_64_bits(wide):
    assert mapped(check(lambda d: gates(B, 24, 32, d, 4), {"batch": 17}, tile=TILE, wide=wide))
    for shape in ((B, 8, 40, 16), (2, 24, 9, 32)):
        made = check(lambda d, s=shape: batched(*s, d), {"batch": 3}, tile=TILE, wide=wide)
        assert mapped(made)


def test_one_operand_alone():
    """The other one is computed on the way."""
    assert mapped(check(lambda d: masked(B, 40, 32, d), {"batch": 17}, tile=TILE)) == {"w"}


@pytest.mark.parametrize("form", ["forward", "input_gradient", "weight_gradient"])
@pytest.mark.parametrize("batch", [B, 3])
def test_convolutions_of_single_points(form, batch):
    def made(d):
        whole = getattr(Conv(batch, (6, 8), 32, 64, (1, 1), dtype=d), form)()
        few = replace(GRAIN, parts=3, small_products=1, least_sum=1, step=16)
        return split_for_parallelism(whole, few) if form == "weight_gradient" else (whole,)

    kernels = made(F32)
    first, *rest = kernels
    launches = [emitted(first, TILE), *map(launches_of, rest)]
    assert len(mapped(launches[0])) == 2
    for n in (3, 1, 0) if batch is B else (3,):
        near(kernels, made(F64), launches, {"batch": n})


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("programs", [1, 3, 100])
def test_programs_that_do_several_tiles(programs, wide):
    def form(d):
        return matmul(B, 160, 48, "nn", d, BF16 if d is F32 else None, epilogue="bias sums")

    made = emitted(form(F32), replace(TILE, programs=programs), wide)
    assert made.launches[0].grid == (programs, 1, 1)
    for batch in (0, 70):
        near([form(F32)], [form(F64)], [made], {"batch": batch})


def test_rows_that_are_no_multiple_of_16_bytes():
    assert mapped(emitted(matmul(40, 36, 48, "nn", F32, BF16), TILE)) == {"a"}
    assert mapped(emitted(matmul(40, 36, 48, "nn", F32), TILE)) == {"a", "b"}


def test_what_is_read_in_two_ways_stays_a_pointer():
    def form(d):
        a = load(buffer("a", 48, 48, dtype=d), "m", "k")
        b = load(buffer("b", 48, 48, dtype=d), "k", "n")
        total = reduce("sum", op("mul", a, b), "k")
        value = op("add", total, load(buffer("a", 48, 48, dtype=d), "m", "n"))
        return kernel(
            "again", axes(m=48, n=48, k=48), store(buffer("y", 48, 48, dtype=d), "mn", value)
        )

    assert mapped(check(form, tile=TILE)) == {"b"}


def test_candidates():
    product = matmul(4096, 4096, 4096, "nn", F32, BF16)  # whose results are float32
    plain, both = candidates(product), candidates(product, processors=132)
    assert both[: len(plain)] == plain
    more = both[len(plain) :]
    assert [replace(t, maps=False) for t in more[:4]] == plain[:4]
    assert more[4:] == [replace(t, programs=132) for t in more[2:4]], "that leave room for results"
    small = candidates(matmul(512, 512, 512, "nn", F32, BF16), processors=132)
    assert any(t.maps for t in small)
    assert not any(t.programs for t in small)
    odd = matmul(37, 37, 37, "nn", F32, BF16)
    assert candidates(odd, processors=132) == candidates(odd)
    assert emit_contraction(odd, tile=TILE).launches[0].maps == ()
