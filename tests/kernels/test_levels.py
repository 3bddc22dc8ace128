"""Questions that backends ask: vector axis, owned axes, levels of reductions, sharing memory."""

from __future__ import annotations

import pytest

from graphc import dtypes
from graphc.ir.dim import named
from graphc.kernels.build import as_index, const, coord, load, op, reduce, store
from graphc.kernels.dense import address_coef, bounds, dense_axis, is_keyed, owned_axes
from graphc.kernels.kernel import Affine, Axis, Buffer, Expr, Kernel, Store
from graphc.kernels.levels import independent_groups, may_overwrite, reductions_ready

N, C = named("n"), named("c")
AXES = (Axis("i", N), Axis("j", C))


def buffer(name: str, *shape) -> Buffer:
    return Buffer(name, dtypes.float32, shape)


def x(name: str = "x") -> Expr:
    return load(buffer(name, N, C), "i", "j")


def kernel(*stores: Store) -> Kernel:
    return Kernel("k", AXES, stores)


def whole(value: Expr, name: str = "y") -> Store:
    return store(buffer(name, N, C), ("i", "j"), value)


def test_steps_of_addresses() -> None:
    flat = buffer("b", 5, N, 7)
    index = (as_index("i"), Affine((("i", 2), ("j", 1))), Affine((("k", 1),), 0, 2))
    assert address_coef(flat, index, "i") == 7 * N + 14
    assert address_coef(flat, index, "j") == 7
    assert address_coef(flat, index, "k") is None
    assert address_coef(flat, index, "l") == 0


def test_bounds_need_known_sizes() -> None:
    axes = {"i": Axis("i", 5), "j": Axis("j", 3), "n": Axis("n", N)}
    assert bounds(Affine((("i", 2), ("j", -1)), 1), axes) == (-1, 9)
    assert bounds(Affine((("n", 1),)), axes) is None


def test_the_vector_axis_is_where_most_elements_are_dense() -> None:
    first = reduce("min", op("where", op("equal", x(), reduce("max", x(), "j")), x(), 0.0), "j")
    assert dense_axis(kernel(store(buffer("y", N), "i", first)), 16) == "j"
    columns = store(buffer("y", C, N), ("j", "i"), load(buffer("x", C, N), "j", "i"))
    assert dense_axis(kernel(columns), 16) == "i"
    image = (Axis("w", 28), Axis("c", 1))
    pixels = buffer("x", 28, 1)
    copy = store(buffer("y", 28, 1), ("w", "c"), load(pixels, "w", "c"))
    assert dense_axis(Kernel("k", image, (copy,)), 16) == "w"
    assert dense_axis(Kernel("k", (), ()), 16) is None


def test_owned_axes_never_meet() -> None:
    key = load(Buffer("ids", dtypes.int32, (N,)), "i")
    scattered = Store(buffer("t", 30, C), (key, as_index("j")), x(), ("i", "j"), "sum")
    assert owned_axes(scattered) == {"j"}
    assert is_keyed(scattered)
    diagonal = Affine((("i", 1), ("j", 1)))
    assert not owned_axes(Store(buffer("t", N + C), (diagonal,), x(), ("i", "j"), "sum"))
    assert owned_axes(whole(x())) == {"i", "j"}


def test_levels_of_reductions() -> None:
    top = reduce("max", x(), "j")
    total = reduce("sum", op("exp", op("sub", x(), top)), "j")
    loss = reduce("sum", total, "i")
    assert reductions_ready([loss], frozenset("i")) == [[top], [total], [loss]]
    assert reductions_ready([loss], frozenset()) == [[loss]]
    assert reductions_ready([loss], frozenset("i"), {top}) == [[total], [loss]]


def test_groups_share_no_axis() -> None:
    alone = store(buffer("z", N), "i", load(buffer("a", N), "i"))
    other = store(buffer("w", C), "j", load(buffer("b", C), "j"))
    groups = independent_groups(kernel(alone, other))
    assert [[a.name for a in g.axes] for g in groups] == [["i"], ["j"]]
    assert len(independent_groups(kernel(alone, other, whole(x())))) == 1


def test_groups_do_not_overwrite_what_others_read() -> None:
    count = load(buffer("count"))
    more = store(buffer("count"), "", op("add", count, const(3, dtypes.float32)))
    mean = store(buffer("mean"), "", op("div", reduce("sum", x(), "ij"), count))
    assert len(independent_groups(kernel(more, mean))) == 1
    free = store(buffer("new"), "", op("add", count, const(3, dtypes.float32)))
    assert len(independent_groups(kernel(free, mean))) == 2


SOFTMAX = op("sub", x(), reduce("max", x(), "j"))
COLUMNS = op("sub", x(), reduce("max", x(), "i"))


@pytest.mark.parametrize(
    ("stores", "allowed"),
    [
        ([whole(op("abs", x()))], True),
        ([whole(SOFTMAX)], True),
        ([whole(COLUMNS)], True),
        ([whole(op("add", SOFTMAX, COLUMNS))], False),
        ([whole(op("add", x(), load(buffer("x", N, C), 0, "j")))], False),
        ([whole(op("abs", x())), store(buffer("s", N), "i", reduce("sum", x(), "j"))], True),
        ([Store(buffer("y", N, C), (as_index("i"), as_index("j")), x(), ("i", "j"), "sum")], False),
    ],
)
def test_what_may_be_overwritten(stores: list[Store], allowed: bool) -> None:
    assert may_overwrite(kernel(*stores), stores[0], "x") is allowed


def test_coordinates_touch_no_memory() -> None:
    made = kernel(whole(op("add", coord("j", dtypes.float32), x())))
    assert may_overwrite(made, made.stores[0], "x")
