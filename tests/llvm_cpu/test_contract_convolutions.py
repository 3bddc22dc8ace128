"""Convolutions and their gradients: 1 to 3 axes, padding, strides, dilation, groups."""

from __future__ import annotations

import numpy as np
import pytest
from contraction_forms import Conv, arrays_of, axes, buffer, kernel, run_oracle

from graphc import dtypes
from graphc.backends.llvm_cpu.contract.plan import plan_of
from graphc.backends.llvm_cpu.contract.tile import Tile
from graphc.backends.llvm_cpu.host import host
from graphc.ir import dim
from graphc.kernels.build import affine_sum, as_index, load, op, reduce, store
from graphc.kernels.kernel import Kernel
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.phases import split_phases

from .contract_runner import Compiled, check, inputs_of
from .map_runner import narrower

B = dim.named("batch")
F32 = dtypes.float32
FORMS = ("forward", "weight_gradient", "input_gradient")

# fmt: off
CASES = [  # batch, image, channels in and out, taps, and what differs from a plain convolution
    ((B, (9,),       3,  5,  (3,)),      {}),
    ((B, (9,),       3,  5,  (3,)),      {"pad": 2, "stride": 2}),
    ((B, (9, 8),     3,  5,  (3, 3)),    {"pad": 1}),
    ((B, (7, 7),     2, 10,  (3, 3)),    {"pad": 1, "stride": 2}),
    ((B, (13, 13),   5, 17,  (3, 2)),    {"dilation": 2}),
    ((B, (12, 11),   4,  6,  (5, 3)),    {"pad": 2, "dilation": 2, "stride": 3}),
    ((B, (28, 28),   2, 32,  (3, 3)),    {}),
    ((B, (14, 14),  16, 64,  (3, 3)),    {"pad": 1}),
    ((B, (5, 5),    40, 70,  (3, 3)),    {"pad": 1}),
    ((B, (2, 2),    16, 32,  (2, 2)),    {"pad": 1}),
    ((B, (8, 8),    16, 32,  (1, 1)),    {"stride": 2}),
    ((B, (5, 4, 6),  3,  5,  (3, 2, 3)), {"pad": 1}),
    ((B, (6, 5, 4),  2,  3,  (2, 2, 2)), {"stride": 2}),
    ((B, (9, 8),     8, 12,  (3, 3)),    {"pad": 1, "groups": 2}),
    ((B, (9, 8),    48, 48,  (3, 3)),    {"pad": 1, "stride": 2, "groups": 3}),
]
# fmt: on


def made(case, dtype) -> Conv:
    args, more = case
    return Conv(*args, dtype=dtype, **more)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_forms_at_several_batches(case, form):
    compiled = None
    for batch in (3, 0, 1):
        compiled = check(
            lambda d: getattr(made(case, d), form)(),
            {"batch": batch},
            compiled=compiled,
            chunks=(1, 2, 7, 64) if batch else (1,),
        )


@pytest.mark.parametrize("case", [c for c in CASES if "stride" in c[1]], ids=str)
def test_phases_of_input_gradients_write_every_pixel(case):
    whole, sizes = made(case, F32).input_gradient(), {"batch": 2}
    phases = split_phases(whole)
    assert phases
    start = inputs_of(whole, sizes)
    want = run_oracle([whole], start, sizes)["dx"]
    got = {n: a.copy() for n, a in start.items()}
    for k in phases:
        if plan_of(k, host()):
            Compiled(k).run(got, sizes, 3)
        else:
            got = run_oracle([k], got, sizes)
    np.testing.assert_allclose(got["dx"], want, atol=1e-5 * np.abs(want).max())


EPILOGUES = ["bias relu", "residual", "sums", "bias tanh sums", "wide sums"]


@pytest.mark.parametrize("epilogue", EPILOGUES)
@pytest.mark.parametrize("more", [{}, {"pad": 1}])
def test_epilogues(epilogue, more):
    def form(d):
        return Conv(B, (14, 14), 3, 40, (3, 3), dtype=d, **more).forward(epilogue)

    compiled = None
    for batch in (5, 0, 1):
        compiled = check(form, {"batch": batch}, compiled=compiled)


@pytest.mark.parametrize("batch", [0, 1, 5, 33])
def test_split_weight_gradients(batch):
    """Parts beyond a small batch are empty and must add nothing."""
    sizes = {"batch": batch}
    conv = Conv(B, (28, 28), 8, 24, (3, 3), pad=1)
    whole = conv.weight_gradient()
    first, finish = split_for_parallelism(whole)
    arrays = arrays_of([whole, first, finish], sizes)
    want = run_oracle([whole], arrays, sizes)["dw"]
    Compiled(first).run(arrays, sizes, 7)
    got = run_oracle([finish], arrays, sizes)["dw"]
    np.testing.assert_allclose(got, want, atol=2e-5 * (1 + np.abs(want).max()))


@pytest.mark.parametrize("lanes", [8, 4])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES[2::4], ids=str)
def test_narrower_machines(case, form, lanes):
    check(lambda d: getattr(made(case, d), form)(), {"batch": 2}, target=narrower(lanes))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES[1::3], ids=str)
def test_float64(case, form):
    check(lambda d: getattr(made(case, d), form)(), {"batch": 2}, dtypes.float64)


TILES = [
    Tile(1, 1, 1, 1, 1, (("b", 1), ("o0", 1), ("o1", 3))),
    Tile(2, 3, 2, 3, 2, (("b", 1), ("o0", 5))),
    Tile(1, 5, 3, 4, 1, (("b", 2), ("o0", 4), ("t0", 2))),
    Tile(1, 4, 1, 4, 3, (("b", 1), ("ci", 2), ("o1", 8))),
    Tile(3, 4, 2, 4, 1, (("b", 1), ("t1", 1), ("ci", 3))),
]


@pytest.mark.parametrize("tile", TILES, ids=str)
@pytest.mark.parametrize("epilogue", ["bias", "sums"])
@pytest.mark.parametrize("more", [{}, {"pad": 1}])
def test_every_way_of_cutting_means_the_same(tile, epilogue, more):
    def form(d):
        return Conv(B, (11, 10), 5, 70, (3, 3), dtype=d, **more).forward(epilogue)

    check(form, {"batch": 3}, tile=tile, chunks=(1, 5))


def unknown_image(dtype) -> Kernel:
    """y[b, h, w, d] = sum x[b, h + p, w + q, c] f[p, q, c, d] for images of any height and width"""
    h, w = dim.named("h"), dim.named("w")
    x = buffer("x", B, h + 2, w + 1, 5, dtype=dtype)
    at = [affine_sum(as_index("i"), as_index("p")), affine_sum(as_index("j"), as_index("q"))]
    f = load(buffer("f", 3, 2, 5, 20, dtype=dtype), "p", "q", "c", "d")
    acc = reduce("sum", op("mul", load(x, "b", *at, "c"), f), "p q c")
    out = store(buffer("y", B, h, w, 20, dtype=dtype), ("b", "i", "j", "d"), acc)
    return kernel("conv", axes(b=B, i=h, j=w, p=3, q=2, c=5, d=20), out)


@pytest.mark.parametrize(("h", "w"), [(1, 1), (4, 7), (9, 30), (0, 3)])
def test_images_of_unknown_size(h, w):
    check(unknown_image, {"batch": 2, "h": h, "w": w})
