"""Convolutions and their gradients on the GPU: padding, strides, dilation, groups."""

from __future__ import annotations

from dataclasses import replace

import pytest
from contraction_forms import Conv, arrays_of, axes, buffer, kernel

from graphc import dtypes
from graphc.backends.triton_gpu.grain import GRAIN
from graphc.backends.triton_gpu.source.contract_tile import ProductTile
from graphc.ir import dim
from graphc.kernels.build import affine_sum, as_index, load, op, reduce, store
from graphc.kernels.kernel import Kernel
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.phases import split_phases

from .contract_runner import check, emitted, launches_of, near, run

B = dim.named("batch")
F32, F64, BF16, F16 = dtypes.float32, dtypes.float64, dtypes.bfloat16, dtypes.float16
FORMS = ("forward", "weight_gradient", "input_gradient")
FEW_PARTS = replace(GRAIN, parts=3, small_products=1, least_sum=1)

# fmt: off
CASES = {
    "1 axis":       Conv(B, (9,),       3,  5,  (3,), pad=2, stride=2),
    "3x3":          Conv(B, (9, 8),     3,  5,  (3, 3), pad=1),
    "strided":      Conv(B, (7, 7),     2, 10,  (3, 3), pad=1, stride=2),
    "dilated":      Conv(B, (9, 9),     5, 17,  (3, 2), dilation=2),
    "all at once":  Conv(B, (9, 7),     4,  6,  (5, 3), pad=2, dilation=2, stride=3),
    "even":         Conv(B, (6, 6),    16, 32,  (3, 3), pad=1),
    "full blocks":  Conv(B, (4, 3),    64, 70,  (3, 3), pad=1),
    "1x1":          Conv(B, (5, 5),    32, 48,  (1, 1)),
    "1x1 strided":  Conv(B, (8, 8),    16, 32,  (1, 1), stride=2),
    "3 axes":       Conv(B, (4, 3, 4),  3,  5,  (3, 2, 3), pad=1),
    "groups":       Conv(B, (5, 6),     8, 12,  (3, 3), pad=1, groups=2),
    "7x7 strided":  Conv(B, (12, 12),   3, 16,  (7, 7), pad=3, stride=2),
    "1 channel":    Conv(B, (9, 9),     1, 32,  (5, 5)),
}
# fmt: on


def parts_of(conv: Conv, form: str, dtype) -> tuple[Kernel, ...]:
    """The kernels of a form as the plan has them: phases of strides, parts of long sums."""
    whole = getattr(replace(conv, dtype=dtype), form)()
    if form == "input_gradient":
        return split_phases(whole) or (whole,)
    return split_for_parallelism(whole, FEW_PARTS) if form == "weight_gradient" else (whole,)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
def test_all_forms_at_several_batches(name, form):
    """In turn of four dtypes: each case meets most of them. Large tiles are few programs, which is
    what takes time here."""
    conv = CASES[name]
    dtype = (F32, BF16, F16, F64)[(list(CASES).index(name) + FORMS.index(form)) % 4]
    kernels = parts_of(conv, form, dtype)
    made = [launches_of(k, ProductTile(128, 64, 64, 4, 3)) for k in kernels]
    for batch in (3, 1):
        near(kernels, parts_of(conv, form, F64), made, {"batch": batch})


@pytest.mark.parametrize("epilogue", ["bias relu", "residual", "bias tanh sums", "wide sums"])
@pytest.mark.parametrize("groups", [1, 2])
def test_epilogues(epilogue, groups):
    def form(d):
        return Conv(B, (5, 6), 4, 10, (3, 3), pad=1, groups=groups, dtype=d).forward(epilogue)

    made = emitted(form(F32))
    for batch in (5, 0):
        near([form(F32)], [form(F64)], [made], {"batch": batch})


@pytest.mark.parametrize("batch", [0, 1, 7])
def test_parts_beyond_a_small_batch_add_nothing(batch):
    conv = CASES["3x3"]
    kernels = parts_of(conv, "weight_gradient", F32)
    assert len(kernels) == 2
    made = [launches_of(k) for k in kernels]
    assert "count" in made[0].launches[0].source
    near(kernels, parts_of(conv, "weight_gradient", F64), made, {"batch": batch})


def test_parts_of_known_length_need_no_count():
    conv = Conv(6, (9, 8), 3, 5, (3, 3), pad=1)
    kernels = parts_of(conv, "weight_gradient", F32)
    made = [launches_of(k) for k in kernels]
    assert "count" not in made[0].launches[0].source
    near(kernels, parts_of(conv, "weight_gradient", F64), made, {})


@pytest.mark.parametrize("fill", [0, 1.5])
@pytest.mark.parametrize("prologue", ["", "exp"])
@pytest.mark.parametrize("storage", [F32, BF16], ids=str)
def test_a_prologue_sees_what_a_guard_fills_in(fill, prologue, storage):
    """f(fill) counts at the borders of the image, and is zero beyond the end of the sum."""

    def form(d):
        held = storage if d is F32 else d
        at = [
            affine_sum(as_index("i"), as_index("p"), -1),
            affine_sum(as_index("j"), as_index("q"), -1),
        ]
        x = load(buffer("x", 2, 5, 4, 3, dtype=held), "b", *at, "c", checked=[1, 2], fill=fill)
        x = op("exp", x) if prologue else x
        f = load(buffer("f", 3, 3, 3, 8, dtype=held), "p", "q", "c", "d")
        total = reduce("sum", op("mul", x, f), "p q c")
        out = store(buffer("y", 2, 5, 4, 8, dtype=d), ("b", "i", "j", "d"), total)
        return kernel("conv", axes(b=2, i=5, j=4, p=3, q=3, c=3, d=8), out)

    check(form)


def test_rows_are_scaled_and_shifted_before_the_product():
    """Batch normalisation and ReLU of the images, inside their borders only."""

    def form(d):
        at = [affine_sum(as_index("i"), as_index("p"), -1)]
        x = load(buffer("x", B, 6, 5, dtype=d), "b", *at, "c", checked=[1])
        scale, shift = (load(buffer(n, 5, dtype=d), "c") for n in ("scale", "shift"))
        y = op("maximum", op("add", op("mul", x, scale), shift), 0.0)
        inside = load(buffer("ones", 6, dtype=d), *at, checked=[0])
        f = load(buffer("f", 3, 5, 8, dtype=d), "p", "c", "d")
        total = reduce(
            "sum", op("mul", op("where", op("less", 0.0, op("abs", inside)), y, 0.0), f), "p c"
        )
        out = store(buffer("y", B, 6, 8, dtype=d), ("b", "i", "d"), total)
        return kernel("normalised", axes(b=B, i=6, p=3, c=5, d=8), out)

    check(form, {"batch": 3})


def test_images_of_unknown_size():
    def form(d):
        h, w = dim.named("h"), dim.named("w")
        x = buffer("x", B, h + 2, w + 1, 5, dtype=d)
        at = [affine_sum(as_index("i"), as_index("p")), affine_sum(as_index("j"), as_index("q"))]
        f = load(buffer("f", 3, 2, 5, 20, dtype=d), "p", "q", "c", "d")
        acc = reduce("sum", op("mul", load(x, "b", *at, "c"), f), "p q c")
        out = store(buffer("y", B, h, w, 20, dtype=d), ("b", "i", "j", "d"), acc)
        return kernel("conv", axes(b=B, i=h, j=w, p=3, q=2, c=5, d=20), out)

    made = emitted(form(F32))
    for h, w in ((1, 1), (4, 7), (0, 3)):
        near([form(F32)], [form(F64)], [made], {"batch": 2, "h": h, "w": w})


def test_two_runs_have_the_same_bits():
    whole = CASES["even"].forward("bias sums")
    made = emitted(whole)
    start = arrays_of([whole], {"batch": 3})
    first, second = (run(made, start, {"batch": 3}) for _ in range(2))
    assert all(first[n].tobytes() == second[n].tobytes() for n in first)
