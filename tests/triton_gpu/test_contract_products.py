"""Matrix products through the GPU's generator: awkward sizes, epilogues, dtypes, tiles, orders."""

from __future__ import annotations

import numpy as np
import pytest
from contraction_forms import axes, batched, buffer, gates, kernel, masked, matmul

from graphc import dtypes
from graphc.backends.triton_gpu.source.contract import candidates, emit_contraction
from graphc.backends.triton_gpu.source.contract_tile import ProductTile
from graphc.backends.triton_gpu.source.map import emit_map
from graphc.ir import dim
from graphc.kernels.build import load, op, reduce, store
from graphc.knobs import settings

from .contract_runner import arrays_of, check, compare, emitted, near, run, run_oracle

B = dim.named("batch")
F32, F64, BF16, F16 = dtypes.float32, dtypes.float64, dtypes.bfloat16, dtypes.float16
FORMS = ("nn", "nt", "tn", "tt")
SIZES = [(2, 2, 2), (3, 5, 0), (0, 7, 3), (13, 17, 3), (29, 10, 70)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("m", "n", "k"), SIZES)
def test_known_sizes(form, m, n, k):
    check(lambda d: matmul(m, n, k, form, d))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", range(3))
def test_one_code_for_every_value_of_a_symbolic_size(form, which):
    sizes = [23, 40, 21]
    sizes[which] = B
    made = emitted(matmul(*sizes, form, F32))
    for batch in (0, 1, 33):
        both = [matmul(*sizes, form, F32)], [matmul(*sizes, form, F64)]
        near(*both, [made], {"batch": batch})


@pytest.mark.parametrize("storage", [BF16, F16], ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_operands_of_16_bits_are_multiplied_as_they_are(form, storage):
    made = check(lambda d: matmul(B, 40, 33, form, d, storage if d is F32 else None), {"batch": 17})
    assert ".to(" not in made.launches[0].source.partition("total")[2]
    assert "input_precision" not in made.launches[0].source


@pytest.mark.parametrize("form", FORMS)
def test_float64_is_multiplied_and_summed_as_float64(form):
    made = check(lambda d: matmul(B, 40, 33, form, d, epilogue="bias sums"), {"batch": 17}, F64)
    source = made.launches[0].source
    assert "out_dtype=tl.float64" in source
    assert "float32" not in source.partition("import")[2]


def test_operands_of_mixed_dtypes_are_float32():
    def form(d):
        a = load(buffer("a", 20, 33, dtype=BF16 if d is F32 else d), "m", "k")
        b = load(buffer("b", 33, 24, dtype=d), "k", "n")
        total = reduce("sum", op("mul", a, b), "k")
        return kernel(
            "mixed", axes(m=20, n=24, k=33), store(buffer("y", 20, 24, dtype=d), "mn", total)
        )

    assert 'input_precision="ieee"' in check(form).launches[0].source


def test_float32_may_be_cut_to_tf32():
    with settings(matmul_precision="tf32"):
        made = check(lambda d: matmul(20, 24, 33, "nn", d))  # the interpreter cuts nothing
        half = emitted(matmul(20, 24, 33, "nn", F32, BF16))
    assert 'input_precision="tf32"' in made.launches[0].source
    assert "input_precision" not in half.launches[0].source


def test_values_rounded_to_bfloat16_are_multiplied_as_bfloat16():
    """Weights that are kept in float32 and rounded where they are used, rows behind a ReLU."""

    def form(d):
        held = BF16 if d is F32 else d
        a = load(buffer("a", B, 48, dtype=held), "m", "k")
        b = load(buffer("b", 48, 40, dtype=held), "k", "n")
        b = op("round_bfloat16", op("mul", b, 2.0), dtype=d) if d is F32 else op("mul", b, 2.0)
        total = reduce("sum", op("mul", op("maximum", a, 0.0), b), "k")
        out = store(buffer("y", B, 40, dtype=d), ("m", "n"), total)
        return kernel("prologue", axes(m=B, n=40, k=48), out)

    source = check(form, {"batch": 21}).launches[0].source
    assert source.count(".to(tl.bfloat16)") == 2


@pytest.mark.parametrize("epilogue", ["bias relu", "bias residual tanh", "bias sums", "wide sums"])
def test_epilogues(epilogue):
    def form(d):
        return matmul(B, 37, 19, "nn", d, epilogue=epilogue)

    made = emitted(form(F32))
    for batch in (0, 1, 50):
        near([form(F32)], [form(F64)], [made], {"batch": batch})


@pytest.mark.parametrize("wide", [False, True])
def test_offsets_of_64_bits(wide):
    made = check(
        lambda d: matmul(B, 37, 19, epilogue="bias sums", dtype=d), {"batch": 50}, wide=wide
    )
    assert ("tl.int64" in made.launches[0].source) == wide
    assert [x.wide for x in made.launches] == [wide, wide]


def test_gates_batches_and_prologues():
    check(lambda d: gates(B, 20, 33, d, 4), {"batch": 17})
    check(lambda d: batched(B, 5, 40, 7, d), {"batch": 3})
    check(lambda d: batched(2, 17, 9, 33, d))
    check(lambda d: masked(B, 40, 33, d), {"batch": 17})


def test_a_single_row_or_column():
    tile = ProductTile(16, 256, 64, 4, 3)
    check(lambda d: matmul(1, 300, 270, "nn", d), tile=tile)
    check(lambda d: matmul(300, 1, 270, "tn", d), tile=tile)
    assert emit_contraction(matmul(1, 8, 8)) is None


SMALL = ProductTile(16, 16, 16, 1, 2)


@pytest.mark.parametrize(("m", "n"), [(150, 33), (40, 33), (150, 16), (B, 33)])
def test_programs_in_groups_of_rows_compute_every_tile_once(m, n):
    check(lambda d: matmul(m, n, 16, "nn", d), {"batch": 150}, tile=SMALL)


@pytest.mark.parametrize(
    "tile", [SMALL, ProductTile(32, 64, 16, 4, 2), ProductTile(64, 16, 32, 4, 3)], ids=str
)
def test_every_tile_means_the_same(tile):
    check(lambda d: matmul(B, 40, 33, "tn", d, epilogue="bias sums"), {"batch": 40}, tile=tile)


def test_what_is_declined_is_a_reduction_of_the_map_generator():
    whole = matmul(9, 8, 7, dtype=dtypes.int32)
    assert emit_contraction(whole) is None
    start = arrays_of([whole], {})
    want = run_oracle([whole], start, {})["y"]
    compare("y", run(emit_map(whole), start, {})["y"], want, 1e-14)


def test_what_is_not_a_number_stays_where_it_is():
    whole = matmul(5, 20, 33, "nn", F32, BF16)
    start = arrays_of([whole], {})
    start["a"][2, 4], start["a"][3, 32] = np.nan, np.inf
    got = run(emitted(whole), start, {})["y"]
    assert np.isnan(got[2]).all()
    assert np.isinf(got[3]).all()
    assert np.isfinite(got[[0, 1, 4]]).all()


def test_the_short_list_of_tiles_is_of_different_ones_and_begins_with_the_choice():
    found = candidates(matmul(4096, 4096, 4096, "nn", F32, BF16))
    assert len(found) == len(set(found)) > 3
    assert (found[0].rows, found[0].columns) in ((128, 256), (256, 128))
    assert candidates(matmul(64, 10, 4096, "nn", F32, BF16))[0].columns == 16
    assert candidates(matmul(8, 8, 8, dtype=dtypes.int32)) == []
