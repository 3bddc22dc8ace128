"""The kernel IR itself: interning, the laws, the printed form, and what the oracle answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphc import dtypes
from graphc.errors import VerifyError
from graphc.ir.dim import named
from graphc.kernels.build import as_index, const, coord, load, op, reduce, size_of, store
from graphc.kernels.evaluate import Arrays, evaluate
from graphc.kernels.kernel import Affine, Axis, Buffer, Expr, Kernel, Part, Store
from graphc.kernels.laws import LAWS, verify
from graphc.kernels.printer import show
from graphc.kernels.walk import buffers_of, rebuild, roots_of, size_names, walk

N = named("n")
AXES = (Axis("i", N), Axis("j", 3))
X = Buffer("x", dtypes.float32, (N, 3))
Y = Buffer("y", dtypes.float32, (N, 3))
MEANING = {"add": np.add, "mul": np.multiply, "sub": np.subtract, "where": np.where}


def x() -> Expr:
    return load(X, "i", "j")


def whole(value: Expr) -> Store:
    return store(Y, ("i", "j"), value)


def run(kernel: Kernel, sizes: dict[str, int] | None = None, **inputs: list) -> Arrays:
    """The kernel on these inputs; other buffers hold 7 before."""
    arrays: Arrays = {}
    for b in buffers_of(kernel):
        shape = tuple(n if isinstance(n, int) else (sizes or {})["n"] for n in b.shape)
        given = inputs.get(b.name, 7)
        arrays[b.name] = np.broadcast_to(np.array(given, b.dtype.numpy), shape).copy()
    evaluate(verify(kernel), arrays, sizes or {}, MEANING)
    return arrays


# ---------------------------------------------------------------------------- expressions


def test_equal_expressions_are_one() -> None:
    assert op("add", x(), 1.0) is op("add", x(), const(1.0))
    assert op("add", x(), 1.0) is not op("add", x(), 2.0)
    assert reduce("sum", x(), "j") is reduce("sum", x(), ("j",))


def test_free_axes_are_those_not_reduced() -> None:
    assert x().free == {"i", "j"}
    assert reduce("max", x(), "j").free == {"i"}
    assert op("sub", x(), reduce("max", x(), "i j")).free == {"i", "j"}


def test_short_floats_are_float32_values() -> None:
    stored = load(Buffer("h", dtypes.bfloat16, (3,)), "j")
    assert stored.dtype is dtypes.float32


def test_rebuild_renames_axes_and_leaves_the_rest() -> None:
    e = op("add", reduce("sum", x(), "j"), coord("i", dtypes.float32))
    moved = rebuild([e], None, {"i": Affine((("k", 2),), 1)})[e]
    assert moved.free == {"k"}
    assert show(Kernel("t", (), (store(Y, (0, 0), moved, ()),))).count("2*k + 1") == 2
    assert rebuild([e])[e] is e


# ---------------------------------------------------------------------------- laws

# fmt: off
BROKEN = {
    "axes_are_declared":            Kernel("k", AXES[:1], (whole(x()),)),
    "names_are_unique":             Kernel("k", (*AXES, AXES[0]), (whole(x()),)),
    "loads_have_rank":              Kernel("k", AXES, (whole(op("add", x(), load(X, "i"))),)),
    "reductions_bind_free_axes":    Kernel("k", AXES, (whole(reduce("sum", x(), "q")),)),
    "index_values_are_integers":    Kernel("k", AXES, (whole(load(X, "i", x())),)),
    "stored_values_fit_their_axes": Kernel("k", AXES, (store(Y, ("i", 0), x(), "i"),)),
    "plain_stores_write_once":      Kernel("k", AXES, (store(Y, ("i", 0), x(), ("i", "j")),)),
    "buffers_are_stored_once":      Kernel("k", AXES, (whole(x()), whole(op("add", x(), 1.0)))),
}
# fmt: on


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_broken_law_is_named(law) -> None:
    kernel = BROKEN[law.__name__]
    sentence = (law.__doc__ or "").split(".")[0]
    with pytest.raises(VerifyError, match=sentence):
        verify(kernel)


def test_a_good_kernel_is_answered() -> None:
    kernel = Kernel("k", AXES, (whole(op("sub", x(), reduce("max", x(), "j"))),))
    assert verify(kernel) is kernel


# ---------------------------------------------------------------------------- printing


def test_printed_form() -> None:
    guarded = load(X, Affine((("i", 2),), -1), Affine((("j", 1),), 0, 2, 3), checked=(0,), fill=1)
    value = op("where", op("less", coord("i"), size_of(N)), guarded, reduce("max", x(), "j"))
    part = Axis("p", 4, Part("i", 2, N))
    kernel = Kernel("k", (*AXES, part), (replace(whole(value), combine="sum", keep=True),))
    assert show(kernel) == "\n".join(
        (
            "kernel k",
            "  axis i = n",
            "  axis j = 3",
            "  axis p = 4 part of i by 2 in n",
            "  buffer x: float32[n, 3]",
            "  buffer y: float32[n, 3]",
            "  %0: int64 = coord i",
            "  %1: int64 = size n",
            "  %2: bool = less %0 %1",
            "  %3: float32 = load x[2*i - 1, ((j)//2)%3] checked [0] else 1",
            "  %4: float32 = load x[i, j]",
            "  %5: float32 = max %4 over j",
            "  %6: float32 = where %2 %3 %5",
            "  y[i, j] sum= %6 for i j keep",
        )
    )


def test_different_kernels_print_differently() -> None:
    kernels = [Kernel("k", AXES, (whole(op(n, x(), 1.0)),)) for n in ("add", "mul")]
    kernels += [Kernel("k", AXES, (whole(op("add", x(), const(1.5))),))]
    kernels += [Kernel("k", AXES, (replace(whole(x()), combine=c),)) for c in (None, "set")]
    assert len({show(k) for k in kernels}) == len(kernels)


def test_named_sizes_of_a_kernel() -> None:
    index = Affine((("i", named("step")),), named("first"))
    kernel = Kernel("k", AXES, (whole(load(X, index, "j")),))
    assert size_names(kernel) == ("first", "n", "step")
    assert [b.name for b in buffers_of(kernel)] == ["x", "y"]
    assert len(walk(roots_of(kernel))) == 1


# ---------------------------------------------------------------------------- meaning


def test_reductions_are_broadcast_back() -> None:
    kernel = Kernel("k", AXES, (whole(op("sub", x(), reduce("max", x(), "j"))),))
    got = run(kernel, {"n": 2}, x=[[1, 2, 3], [6, 5, 4]])
    np.testing.assert_array_equal(got["y"], [[-2, -1, 0], [0, -1, -2]])


def test_guards_and_exact_divisions_read_the_fill() -> None:
    index = Affine((("j", 1),), -1, 2)
    value = load(X, "i", index, checked=(1,), exact=(1,), fill=9)
    got = run(Kernel("k", AXES, (whole(value),)), {"n": 1}, x=[[1, 2, 3]])
    np.testing.assert_array_equal(got["y"], [[9, 1, 9]])  # (j - 1) / 2 is whole for j = 1 only


def test_missing_parts_are_identities_and_stay_unwritten() -> None:
    part = (Axis("p", 3), Axis("q", 2, Part("p", 2, 3)))
    flat = Buffer("x", dtypes.float32, (3,))
    here = load(flat, Affine((("p", 2), ("q", 1))))
    least = store(Buffer("s", here.dtype, (3,)), "p", reduce("min", here, "q"))
    copy = store(Buffer("y", here.dtype, (3, 2)), ("p", "q"), here)
    got = run(Kernel("k", part, (least, copy)), x=[1, 2, 3])
    np.testing.assert_array_equal(got["s"], [1, 3, np.inf])
    np.testing.assert_array_equal(got["y"], [[1, 2], [3, 7], [7, 7]])


@pytest.mark.parametrize(
    ("combine", "keep", "want"),
    [("sum", False, [4, 2, 0]), ("sum", True, [11, 9, 7]), ("set", False, [3, 2, 7])],
)
def test_stores_combine_points_that_meet(combine, keep: bool, want: list[float]) -> None:
    key = load(Buffer("k", dtypes.int32, (3,)), "j")
    value = load(Buffer("x", dtypes.float32, (3,)), "j")
    target = Buffer("y", dtypes.float32, (3,))
    kernel = Kernel("k", AXES[1:], (Store(target, (key,), value, ("j",), combine, keep),))
    got = run(kernel, x=[1, 2, 3], k=[0, 1, 0])
    np.testing.assert_array_equal(got["y"], want)


def test_sizes_of_zero_write_identities_only() -> None:
    totals = store(Buffer("s", dtypes.float32, (3,)), "j", reduce("sum", x(), "i"))
    got = run(Kernel("k", AXES, (totals, whole(x()))), {"n": 0})
    np.testing.assert_array_equal(got["s"], [0, 0, 0])


def test_index_of_numbers_and_names() -> None:
    assert as_index("i") == Affine((("i", 1),))
    assert as_index(3) == Affine((), 3)
