"""Windows over images as maps: the inside without guards, the border with them, odd sizes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from graphc import compiler, dtypes
from graphc.backends.llvm_cpu.nest.border import interior_of
from graphc.backends.llvm_cpu.nest.first_hit import code_of
from graphc.backends.llvm_cpu.nest.taps import with_taps_written_out
from graphc.diff.reverse import grad
from graphc.ir.dim import named
from graphc.kernels.build import const, coord, load, op, reduce, store
from graphc.kernels.kernel import Affine, Axis, Buffer, Kernel, Reduce
from graphc.kernels.share import shared
from graphc.kernels.walk import expressions_of
from graphc.ops import leaf, nn
from graphc.ops import reduce as reductions

from .map_runner import check

n = named("n")


def window(size: int, taps: int, step: int, pad: int, channels: int, kind: str = "max") -> Kernel:
    """y[n, i, j, c] = max over p q of x[n, i * step + p - pad, j * step + q - pad, c]."""
    x = Buffer("x", dtypes.float32, (n, size, size, channels))
    at = [Affine(((i, step), (p, 1)), -pad) for i, p in (("i", "p"), ("j", "q"))]
    fill = -np.inf if kind == "max" else 0.0
    element = load(x, "n", *at, "c", checked=(1, 2), fill=fill)
    rows = (size + 2 * pad - taps) // step + 1
    y = Buffer("y", dtypes.float32, (n, rows, rows, channels))
    sizes = {"n": n, "i": rows, "j": rows, "c": channels, "p": taps, "q": taps}
    axes = tuple(Axis(a, s) for a, s in sizes.items())
    value = reduce("max" if kind == "max" else "sum", element, ("p", "q"))
    return Kernel("window", axes, (store(y, ("n", "i", "j", "c"), value),))


CASES = (
    (9, 3, 1, 1, 16), (10, 3, 2, 1, 5), (8, 2, 2, 0, 64), (3, 3, 1, 1, 7), (2, 3, 1, 1, 16),
    (1, 3, 1, 1, 3), (7, 5, 1, 2, 33), (12, 3, 2, 0, 100), (6, 3, 1, 4, 8),
)  # fmt: skip


@pytest.mark.parametrize("kind", ["max", "sum"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_windows_equal_their_meaning(case: tuple[int, ...], kind: str) -> None:
    kernel = window(*case, kind=kind)
    for batch in (1, 40):
        check(kernel, {"n": batch}, chunks=(1, 3, 16))


def test_the_inside_is_where_no_guard_can_fail() -> None:
    assert interior_of(window(9, 3, 1, 1, 16), "nij") == {"i": (1, 8), "j": (1, 8)}
    assert interior_of(window(10, 3, 2, 1, 5), "nij") == {"i": (1, 5), "j": (1, 5)}
    assert interior_of(window(8, 2, 2, 0, 64), "nij") == {}
    assert interior_of(window(2, 3, 1, 1, 16), "nij") == {}
    assert interior_of(window(9, 3, 1, 1, 16), "ni") == {"i": (1, 8)}


def test_reductions_that_differ_in_names_are_one() -> None:
    kernel = window(9, 3, 1, 1, 16)
    first = kernel.stores[0].value
    where = {"p": "r", "q": "s"}
    at = [Affine(((i, 1), (where[p], 1)), -1) for i, p in (("i", "p"), ("j", "q"))]
    x = Buffer("x", dtypes.float32, (n, 9, 9, 16))
    again = reduce("max", load(x, "n", *at, "c", checked=(1, 2), fill=-np.inf), ("r", "s"))
    both = op("add", first, op("mul", again, 2.0))
    axes = (*kernel.axes, Axis("r", 3), Axis("s", 3))
    double = Kernel("double", axes, (store(kernel.stores[0].buffer, "nijc", both),))
    made = shared(double)
    assert [a.name for a in made.axes] == [a.name for a in kernel.axes]
    assert sum(isinstance(e, Reduce) for e in expressions_of(made)) == 1
    check(made, {"n": 2})
    assert shared(kernel) is kernel
    wider = Kernel("wider", (*kernel.axes, Axis("r", 2), Axis("s", 3)), double.stores)
    assert shared(wider) is wider


def test_a_reduction_of_what_is_read_anyway_uses_the_same_axis() -> None:
    x, y = (Buffer(name, dtypes.float32, (n, 37)) for name in "xy")
    value, total = load(x, "n", "c"), reduce("max", load(x, "n", "q"), "q")
    axes = (Axis("n", n), Axis("c", 37), Axis("q", 37))
    kernel = Kernel("shift", axes, (store(y, "nc", op("sub", value, total)),))
    made = shared(kernel)
    assert [a.name for a in made.axes] == ["n", "c"]
    assert [e.axes for e in expressions_of(made) if isinstance(e, Reduce)] == [("c",)]
    check(made, {"n": 3})
    squares = reduce("sum", op("mul", load(x, "n", "q"), value), "q")
    outer = Kernel("outer", axes, (store(y, "nc", squares),))
    assert shared(outer) is outer


@pytest.mark.parametrize("pool", [nn.max_pool, nn.avg_pool])
@pytest.mark.parametrize("form", list(product((2, 3), (1, 2, 3), (0, 1))), ids=str)
def test_pools_and_gradients_equal_the_reference(pool, form: tuple[int, int, int]) -> None:
    """Ties (few different numbers) and NaN choose the same element as in the reference."""
    size, stride, pad = form
    x = leaf.placeholder((None, 11, 8, 20), name="x")
    y = pool(x, size, stride, ((pad, pad), (pad, pad)))
    (dx,) = grad(reductions.sum(y * y), [x])
    data = np.random.default_rng(0).integers(-3, 4, (5, 11, 8, 20)).astype(np.float32)
    data[0, 3, 2, 4] = data[1, 0, 0, 0] = np.nan
    native, want = (
        compiler.function([x], [y, dx], target=t)(data) for t in ("llvm_cpu", "reference")
    )
    for a, b in zip(native, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def taps_gradient(rows: int, channels: int, taps: int = 3) -> Kernel:
    """dw[r, p, q, c] = sum over n i j of x[n, r, i + p - 1, j + q - 1, c] dy[n, r, i, j, c]."""
    shape = (n, rows, 9, 6, channels)
    x, dy = (Buffer(name, dtypes.float32, shape) for name in ("x", "dy"))
    at = [Affine(((i, 1), (p, 1)), -1) for i, p in (("i", "p"), ("j", "q"))]
    moved = load(x, "n", "r", *at, "c", checked=(2, 3))
    value = reduce("sum", op("mul", moved, load(dy, "n", "r", "i", "j", "c")), ("n", "i", "j"))
    sizes = {"r": rows, "p": taps, "q": 3, "c": channels, "n": n, "i": 9, "j": 6}
    dw = Buffer("dw", dtypes.float32, (rows, taps, 3, channels))
    return Kernel("taps", tuple(Axis(a, s) for a, s in sizes.items()),
                  (store(dw, ("r", "p", "q", "c"), value),))  # fmt: skip


@pytest.mark.parametrize("channels", [5, 16, 100])
def test_sums_over_the_same_elements_are_one_pass(channels: int) -> None:
    kernel = taps_gradient(16, channels)
    assert len(with_taps_written_out(kernel, "c").stores) == 9
    for batch in (0, 1, 5):
        check(kernel, {"n": batch}, chunks=(1, 3, 16))


def test_many_taps_or_few_pieces_are_left_alone() -> None:
    for kernel in (taps_gradient(3, 16), taps_gradient(16, 16, 5), window(9, 3, 1, 1, 16)):
        assert with_taps_written_out(kernel, "c") is kernel


def places(grow: bool) -> tuple[Kernel, Reduce, Reduce]:
    """The maximum of windows and the number of the tap that holds it; numbers grow or fall."""
    kernel = window(9, 3, 2, 1, 20)
    top = kernel.stores[0].value
    assert isinstance(top, Reduce)
    hit = op("logical_or", op("equal", top.arg, top), op("isnan", top.arg))
    index = Affine((("p", 3), ("q", 1))) if grow else Affine((("p", -3), ("q", -1)), 8)
    code = op("cast", coord(index), dtype=dtypes.int32)
    none = const(99, dtypes.int32)
    first = reduce("min", op("where", hit, code, none), ("p", "q"))
    assert isinstance(first, Reduce)
    out = Buffer("place", dtypes.int32, kernel.stores[0].buffer.shape)
    stores = (*kernel.stores, store(out, "nijc", first))
    return Kernel("places", kernel.axes, stores), top, first


@pytest.mark.parametrize("grow", [True, False])
def test_a_maximum_and_its_place_are_found_in_one_pass(grow: bool) -> None:
    kernel, top, first = places(grow)
    assert (code_of(first, top, ("p", "q")) is not None) == grow
    assert code_of(first, top, ("q", "p")) is None
    x = np.random.default_rng(0).integers(-2, 3, (7, 9, 9, 20)).astype(np.float32)
    x[0, 2:5, 3, 1], x[1, 4], x[2, 0, 0] = np.nan, np.inf, -np.inf
    x[1, 5, 4, 3] = np.nan
    check(kernel, {"n": 7}, {"x": x}, chunks=(1, 3))


@pytest.mark.parametrize("taps", [(3, 1), (1, 3), (5, 1)])
def test_a_row_of_fills_has_all_lanes(taps: tuple[int, int]) -> None:
    """Beside the image the first value is one number for all vectors of a group."""
    x = leaf.placeholder((None, 7, 7, 80), name="x")
    y = nn.max_pool(x, taps, taps, "same")
    slope = grad(reductions.sum(y * y), x)
    values = np.random.default_rng(0).normal(size=(3, 7, 7, 80)).astype(np.float32)
    got, wanted = (compiler.function(x, slope, target=t)(values) for t in ("llvm_cpu", "reference"))
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
