"""Convolutions by Winograd's algorithm: near to float64, equal bits, and when they are chosen."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from contraction_forms import Conv, arrays_of, axes, buffer, kernel, run_oracle

from graphc import dtypes, knobs
from graphc.backends.llvm_cpu import kernels
from graphc.backends.llvm_cpu.host import host
from graphc.backends.llvm_cpu.tuning.choice import Work
from graphc.backends.llvm_cpu.winograd.convolution import emit_winograd
from graphc.backends.llvm_cpu.winograd.gradient import emit_gradient
from graphc.backends.llvm_cpu.winograd.gradient_plan import Blocking, gradient_of
from graphc.backends.llvm_cpu.winograd.maps import A_T, B_T, INPUTS, OUTPUTS, TAPS, G
from graphc.backends.llvm_cpu.winograd.plan import winograd_of
from graphc.backends.llvm_cpu.winograd.tiling import Tiling
from graphc.ir import dim
from graphc.kernels.build import affine_sum, as_index, load, op, reduce, store
from graphc.kernels.kernel import Kernel
from graphc.kernels.parallel import split_for_parallelism

from .contract_runner import Compiled, check, inputs_of
from .map_runner import narrower, place

B = dim.named("batch")
BOUND = 2e-5
"""Of the largest result, at every depth that networks have."""


def compiled(form: Kernel, tiling=None, target=None) -> Compiled:
    def emit(module, form, target):
        return emit_winograd(module, form, target, tiling)

    return Compiled(form, target, emit=emit)


def checked(conv: Conv, form: str, batches=(3,), tiling=None, target=None, bound=BOUND, **more):
    def made(dtype):
        args = conv.batch, conv.image, conv.ci, conv.co, conv.taps
        return getattr(Conv(*args, pad=conv.pad, dtype=dtype), form)(**more)

    code = compiled(made(dtypes.float32), tiling, target)
    for batch in batches:
        chunks = (1, 2, 3, 8) if batch else (1,)
        check(made, {"batch": batch}, compiled=code, chunks=chunks, bound=bound)


def product(m, x):
    return [sum(a * b for a, b in zip(row, x, strict=True)) for row in m]


def test_matrices_filter_exactly():
    d = [Fraction(3 * i * i - 7, i + 2) for i in range(INPUTS)]
    g = [Fraction(i + 1, 3) for i in range(TAPS)]
    got = product(A_T, [a * b for a, b in zip(product(G, g), product(B_T, d), strict=True)])
    assert got == [sum(g[k] * d[i + k] for k in range(TAPS)) for i in range(OUTPUTS)]


# fmt: off
CASES = [  # image, channels, filters, padding
    ((8, 8),   32,  32, 1),
    ((14, 14), 64,  64, 1),
    ((9, 11),  32,  48, 1),
    ((26, 26), 64,  64, 0),
    ((13, 7),  48, 112, 0),
    ((7, 7),  128, 128, 1),
    ((10, 9),  64,  64, 2),
]
# fmt: on


@pytest.mark.parametrize("form", ["forward", "input_gradient"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_several_batches(case, form):
    image, ci, co, pad = case
    checked(Conv(B, image, ci, co, (3, 3), pad=pad), form, batches=(5, 0, 1))


@pytest.mark.parametrize("form", ["forward", "input_gradient"])
@pytest.mark.parametrize("channels", [64, 128, 256, 512])
def test_error_at_the_depths_of_networks(channels, form):
    checked(Conv(B, (12, 12), channels, channels, (3, 3), pad=1), form, batches=(1,))


@pytest.mark.parametrize("epilogue", ["bias relu", "residual", "sums", "bias relu wide sums"])
@pytest.mark.parametrize("image", [(12, 16), (11, 10)])
def test_epilogues(epilogue, image):
    checked(Conv(B, image, 32, 48, (3, 3), pad=1), "forward", (3, 0, 1), epilogue=epilogue)


@pytest.mark.parametrize("image", [(8, 8), (7, 9)])
def test_a_long_epilogue_loops_over_results(image):
    conv, tiling = Conv(B, image, 32, 32, (3, 3), pad=1), Tiling(12, 6, 4, 32, True)
    checked(conv, "forward", tiling=tiling, epilogue="bias tanh sums", bound=5 * BOUND)


def of_a_slice(dtype, height: int = 10) -> Kernel:
    """y[b, i, j, d] = sum max(x[b, i + p - 1, j + q - 1, 32 + c], 0) f[p, q, c, d], or without max
    where the height is even: channels of a wider image, at a distance that no box has."""
    x = buffer("x", B, height, 12, 96, dtype=dtype)
    at = [affine_sum(as_index(i), as_index(t), -1) for i, t in (("i", "p"), ("j", "q"))]
    value = load(x, "b", *at, affine_sum(as_index("c"), 32), checked=[1, 2])
    value = op("maximum", value, 0.0) if height % 2 else value
    f = load(buffer("f", 3, 3, 32, 64, dtype=dtype), "p", "q", "c", "d")
    acc = reduce("sum", op("mul", value, f), "p q c")
    out = store(buffer("y", B, height, 12, 64, dtype=dtype), ("b", "i", "j", "d"), acc)
    return kernel("conv", axes(b=B, i=height, j=12, p=3, q=3, c=32, d=64), out)


@pytest.mark.parametrize("height", [16, 10, 9])
def test_slices_and_prologues(height):
    def made(dtype):
        return of_a_slice(dtype, height)

    code = compiled(made(dtypes.float32), Tiling(12, 6, 4, 32, True))
    check(made, {"batch": 2}, compiled=code, chunks=(1, 3), bound=BOUND)


TILINGS = [
    Tiling(12, 6, 4, 64, True),
    Tiling(6, 3, 1, 32, True),
    Tiling(28, 14, 2, 16, False),
    Tiling(5, 5, 3, 64, False),
]


@pytest.mark.parametrize("tiling", TILINGS, ids=str)
def test_every_way_of_cutting_means_the_same(tiling):
    checked(
        Conv(B, (10, 12), 64, 72, (3, 3), pad=1), "forward", tiling=tiling, epilogue="bias sums"
    )


@pytest.mark.parametrize("first", [True, False])
def test_channels_that_fill_no_vector(first):
    tiling = Tiling(12, 6, 4, 21, first)
    checked(Conv(B, (10, 12), 21, 37, (3, 3), pad=1), "forward", tiling=tiling, epilogue="residual")


@pytest.mark.parametrize("lanes", [8, 4])
@pytest.mark.parametrize("form", ["forward", "input_gradient"])
def test_narrower_machines(form, lanes):
    checked(Conv(B, (10, 12), 32, 40, (3, 3), pad=1), form, target=narrower(lanes))


# ---------------------------------------------------------------------------- weights


def check_gradient(conv: Conv, batches=(3,), blocking=None, target=None):
    """The whole gradient, in parts where that is how it would run."""
    whole = conv.weight_gradient()
    first, *rest = split_for_parallelism(whole)

    def emit(module, form, target):
        return emit_gradient(module, form, target, blocking)

    code = Compiled(first, target, emit=emit)
    for batch in batches:
        sizes, bits = {"batch": batch}, set()
        arrays = arrays_of([whole, first, *rest], sizes)
        want = run_oracle([whole], {n: a.astype("f8") for n, a in arrays.items()}, sizes)["dw"]
        for chunks in (1, 2, 3, 8):
            got = {n: place(a) for n, a in arrays.items()}
            code.run(got, sizes, chunks)
            bits.add(got[first.stores[0].buffer.name].tobytes())
        assert len(bits) == 1
        got = run_oracle(rest, got, sizes)["dw"]
        assert np.abs(got - want).max() <= BOUND * np.abs(want).max()


# fmt: off
GRADIENTS = [  # image, channels, filters, padding
    ((28, 28), 64,  64, 1),
    ((26, 26), 32,  48, 0),
    ((9, 11),  32,  48, 1),
    ((14, 14), 16, 112, 1),
]
BLOCKINGS = [
    Blocking(5, 32, 32, 6, 2, False),
    Blocking(5, 32, 16, 6, 1, True),
    Blocking(7, 16, 48, 8, 3, False),
    Blocking(64, 16, 48, 8, 3, True),
]
# fmt: on


@pytest.mark.parametrize("case", GRADIENTS, ids=str)
def test_gradients_of_weights_at_several_batches(case):
    image, ci, co, pad = case
    check_gradient(Conv(B, image, ci, co, (3, 3), pad=pad), batches=(5, 0, 1, 17))


@pytest.mark.parametrize("channels", [64, 128, 256, 512])
def test_error_of_gradients_of_weights_at_the_depths_of_networks(channels):
    check_gradient(Conv(B, (12, 12), channels, 64, (3, 3), pad=1))


@pytest.mark.parametrize("blocking", BLOCKINGS, ids=str)
@pytest.mark.parametrize("image", [(8, 8), (11, 10)])
def test_every_way_of_cutting_gradients_means_the_same(image, blocking):
    conv = Conv(B, image, blocking.channels * 2, blocking.filters * 2, (3, 3), pad=1)
    check_gradient(conv, (3, 1), blocking)


@pytest.mark.parametrize("lanes", [8, 4])
def test_gradients_of_weights_on_narrower_machines(lanes):
    conv = Conv(B, (18, 12), 32, 32, (3, 3), pad=1)
    check_gradient(conv, target=narrower(lanes))


# ---------------------------------------------------------------------------- what it is not


def test_a_nan_stays_in_its_tiles():
    conv, sizes = Conv(B, (16, 16), 32, 32, (3, 3), pad=1), {"batch": 2}
    forward = conv.forward()
    arrays = inputs_of(forward, sizes)
    arrays["x"][1, 5, 6, 3] = np.nan
    compiled(forward).run(arrays, sizes, 3)
    touched = np.isnan(arrays["y"]).any(axis=-1)
    wanted = np.zeros_like(touched)
    wanted[1, 4:8, 4:8] = True
    np.testing.assert_array_equal(touched, wanted)


# fmt: off
DECLINED = {
    "stride":       Conv(B, (28, 28), 64, 64, (3, 3), stride=2, pad=1),
    "dilation":     Conv(B, (28, 28), 64, 64, (3, 3), pad=2, dilation=2),
    "groups":       Conv(B, (28, 28), 64, 64, (3, 3), pad=1, groups=2),
    "taps":         Conv(B, (28, 28), 64, 64, (5, 5), pad=2),
    "three axes":   Conv(B, (8, 8, 8), 64, 64, (3, 3, 3), pad=1),
    "few channels": Conv(B, (224, 224), 3, 64, (3, 3), pad=1),
    "float64":      Conv(B, (28, 28), 64, 64, (3, 3), pad=1, dtype=dtypes.float64),
}
# fmt: on


@pytest.mark.parametrize("name", DECLINED)
def test_other_convolutions_are_declined(name):
    assert winograd_of(DECLINED[name].forward(), host()) is None
    assert gradient_of(DECLINED[name].weight_gradient(), host()) is None


def test_the_setting_switches_it_off():
    forward = Conv(B, (28, 28), 64, 64, (3, 3), pad=1).forward()
    assert winograd_of(forward, host())
    names = {}
    for exact in (False, True):
        with knobs.settings(exact_convolution=exact):
            emitted, _ = kernels.emission(Work(forward, host()), "a kernel of this test")
            names[exact] = [p.function_name for p in emitted.phases]
    assert any("weights" in n for n in names[False])
    assert not any("weights" in n for n in names[True])
