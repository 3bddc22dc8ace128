"""Map and reduce kernels that a neural network needs, each over a row axis n and a column axis c.

`CASES` maps a name to a builder `(n, c) -> Kernel`; both sizes may be known or named.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc import dtypes
from graphc.dtypes import DType, bfloat16, bool_, float32, int32, int64, uint8, uint32
from graphc.ir.dim import Size
from graphc.kernels.build import (
    affine_sum,
    as_index,
    const,
    coord,
    load,
    op,
    reduce,
    size_of,
    store,
)
from graphc.kernels.kernel import Affine, Axis, Buffer, Expr, Kernel, Part, Reduce, Store

Build = Callable[[Size, Size], Kernel]


def axes(**sizes: Size) -> tuple[Axis, ...]:
    return tuple(Axis(n, s) for n, s in sizes.items())


def x_of(name: str, *shape: Size, dtype: DType = float32) -> Buffer:
    return Buffer(name, dtype, shape)


def rows(name: str, n: Size, c: Size, dtype: DType = float32) -> Expr:
    return load(x_of(name, n, c, dtype=dtype), "n", "c")


def row(name: str, n: Size, dtype: DType = float32) -> Expr:
    return load(x_of(name, n, dtype=dtype), "n")


def column(name: str, c: Size) -> Expr:
    return load(x_of(name, c), "c")


def put(name: str, index: str, value: Expr, *shape: Size, dtype: DType | None = None) -> Store:
    return store(Buffer(name, dtype or value.dtype, shape), index.split(), value)


# fmt: off
def add(a: Expr, b: Expr | float) -> Expr: return op("add", a, b)
def sub(a: Expr | float, b: Expr) -> Expr: return op("sub", a, b)
def mul(a: Expr, b: Expr | float) -> Expr: return op("mul", a, b)
def div(a: Expr | float, b: Expr | float) -> Expr: return op("div", a, b)
def total(a: Expr, over: str) -> Reduce: return reduce("sum", a, over)
# fmt: on


def mean(a: Expr, over: str, count: Size) -> Expr:
    return div(total(a, over), size_of(count, float32))


def argmax(x: Expr, over: str, kind: str = "max") -> tuple[Expr, Expr]:
    """(extreme value, first index of it), where a NaN is the extreme."""
    top = reduce(kind, x, over)
    same = op("logical_or", op("equal", x, top), op("isnan", x))
    here = op("where", same, coord(over, int32), const(2**31 - 1, int32))
    return top, reduce("min", here, over)


# ---------------------------------------------------------------------------- rows


def gelu_affine(n: Size, c: Size) -> Kernel:
    z = add(mul(rows("x", n, c), column("a", c)), column("b", c))
    y = mul(mul(z, 0.5), add(op("erf", mul(z, 0.7071067811865476)), 1.0))
    return Kernel("gelu_affine", axes(n=n, c=c), (put("y", "n c", y, n, c),))


def softmax(n: Size, c: Size) -> Kernel:
    x = rows("x", n, c)
    e = op("exp", sub(x, reduce("max", x, "c")))
    return Kernel(
        "softmax", axes(n=n, c=c), (put("y", "n c", mul(e, div(1.0, total(e, "c"))), n, c),)
    )


def softmax_middle(n: Size, c: Size) -> Kernel:
    x = load(x_of("x", n, 7, c), "n", "k", "c")
    e = op("exp", sub(x, reduce("max", x, "k")))
    y = store(x_of("y", n, 7, c), ("n", "k", "c"), div(e, total(e, "k")))
    return Kernel("softmax_middle", axes(n=n, k=7, c=c), (y,))


def softmax_square(n: Size, c: Size) -> Kernel:
    """Over two axes at once."""
    x = load(x_of("x", n, 5, c), "n", "k", "c")
    e = op("exp", sub(x, reduce("max", x, "k c")))
    y = store(x_of("y", n, 5, c), ("n", "k", "c"), div(e, total(e, "k c")))
    return Kernel("softmax_square", axes(n=n, k=5, c=c), (y,))


def cross_entropy(n: Size, c: Size) -> Kernel:
    x, label = rows("x", n, c), row("label", n, int32)
    top = reduce("max", x, "c")
    e = op("exp", sub(x, top))
    summed = total(e, "c")
    hit = op("equal", coord("c", int32), label)
    target = total(op("where", hit, x, 0.0), "c")
    loss = sub(add(op("log", summed), top), target)
    dx = div(sub(div(e, summed), op("cast", hit, dtype=float32)), size_of(n, float32))
    stores = (put("dx", "n c", dx, n, c), put("each", "n", loss, n))
    return Kernel("cross_entropy", axes(n=n, c=c), stores)


def mean_loss(n: Size, c: Size) -> Kernel:
    """The gradient of every row and one mean over all of them in one kernel."""
    k = cross_entropy(n, c)
    loss = mean(k.stores[1].value, "n", n)
    return Kernel("mean_loss", k.axes, (k.stores[0], put("loss", "", loss)))


def layer_norm(n: Size, c: Size) -> Kernel:
    x = rows("x", n, c)
    mu = mean(x, "c", c)
    d = sub(x, mu)
    rstd = op("rsqrt", add(mean(mul(d, d), "c", c), 1e-5))
    y = add(mul(mul(d, rstd), column("g", c)), column("b", c))
    stores = (put("y", "n c", y, n, c), put("mu", "n", mu, n), put("rstd", "n", rstd, n))
    return Kernel("layer_norm", axes(n=n, c=c), stores)


def layer_norm_back(n: Size, c: Size) -> Kernel:
    """Row sums that are broadcast back and column sums, in one kernel."""
    x, dy, rstd = rows("x", n, c), rows("dy", n, c), row("rstd", n)
    h = mul(sub(x, row("mu", n)), rstd)
    dh = mul(dy, column("g", c))
    dx = mul(sub(sub(dh, mean(dh, "c", c)), mul(h, mean(mul(dh, h), "c", c))), rstd)
    sums = (put("dg", "c", total(mul(dy, h), "n"), c), put("db", "c", total(dy, "n"), c))
    return Kernel("layer_norm_back", axes(n=n, c=c), (put("dx", "n c", dx, n, c), *sums))


def partial_sums(n: Size, c: Size) -> Kernel:
    """The same cut into four parts: rows inside a part, column sums accumulated in memory."""
    block = (n + 3) // 4
    at = Affine((("p", block), ("i", 1)))
    x = load(x_of("x", n, c), at, "c")
    y = sub(x, mean(x, "c", c))
    stores = (
        Store(x_of("y", n, c), (at, as_index("c")), y, ("p", "i", "c")),
        Store(x_of("part", 4, c), (as_index("p"), as_index("c")), y, ("p", "i", "c"), "sum"),
        Store(x_of("all", 4), (as_index("p"),), mul(x, x), ("p", "i", "c"), "sum"),
    )
    named = (Axis("p", 4), Axis("i", block, Part("p", block, n)), Axis("c", c))
    return Kernel("partial_sums", named, stores)


def extremes(n: Size, c: Size) -> Kernel:
    x = rows("x", n, c)
    (top, first), (least, last) = argmax(x, "c"), argmax(x, "c", "min")
    stores = [put("top", "n", top, n), put("first", "n", first, n)]
    stores += [put("least", "n", least, n), put("last", "n", last, n)]
    return Kernel("extremes", axes(n=n, c=c), tuple(stores))


def logical(n: Size, c: Size) -> Kernel:
    x = rows("x", n, c, bool_)
    stores = [put("any", "n", reduce("max", x, "c"), n), put("all", "n", reduce("min", x, "c"), n)]
    stores += [put("some", "c", reduce("max", x, "n"), c), put("each", "", reduce("min", x, "n c"))]
    return Kernel("logical", axes(n=n, c=c), tuple(stores))


def products(n: Size, c: Size) -> Kernel:
    x, k = rows("x", n, c), rows("k", n, c, dtypes.int8)
    near_one = add(mul(op("tanh", x), 0.01), 1.0)
    stores = (put("p", "n", reduce("prod", near_one, "c"), n),
              put("q", "c", reduce("prod", k, "n"), c))  # fmt: skip
    return Kernel("products", axes(n=n, c=c), stores)


# ---------------------------------------------------------------------------- columns, images


def column_sums(n: Size, c: Size) -> Kernel:
    x = rows("x", n, c)
    stores = (put("s", "c", total(x, "n"), c), put("m", "c", reduce("max", x, "n"), c),
              put("a", "", total(x, "n c")))  # fmt: skip
    return Kernel("column_sums", axes(n=n, c=c), stores)


def batch_statistics(n: Size, c: Size) -> Kernel:
    """Mean and deviation over all but the channels, around a first guess."""
    at = ("n", "h", "w", "c")
    buffer = x_of("x", n, 4, 5, c)
    x, shift = load(buffer, *at), load(buffer, 0, 0, 0, "c")
    d = sub(x, shift)
    mu = mean(d, "n h w", n * 20)
    var = sub(mean(mul(d, d), "n h w", n * 20), mul(mu, mu))
    stores = (put("mu", "c", add(mu, shift), c), put("rstd", "c", op("rsqrt", add(var, 1e-2)), c))
    return Kernel("batch_statistics", axes(n=n, h=4, w=5, c=c), stores)


def batch_normalise(n: Size, c: Size) -> Kernel:
    at = ("n", "h", "w", "c")
    x, r = (load(x_of(name, n, 4, 5, c), *at) for name in ("x", "r"))
    scale = mul(column("g", c), op("rsqrt", add(op("abs", column("v", c)), 1e-2)))
    y = op("maximum", add(add(mul(sub(x, column("mu", c)), scale), column("b", c)), r), 0.0)
    return Kernel(
        "batch_normalise", axes(n=n, h=4, w=5, c=c), (store(x_of("y", n, 4, 5, c), at, y),)
    )


def max_pool(n: Size, c: Size) -> Kernel:
    """3x3, stride 2, padding 1, with the index of the first maximum."""
    i, j = (Affine(((a, 2), (k, 1)), -1) for a, k in (("i", "p"), ("j", "q")))
    x = load(x_of("x", n, 8, 9, c), "n", i, j, "c", checked=(1, 2), fill=float("-inf"))
    top = reduce("max", x, "p q")
    place = coord(Affine((("p", 3), ("q", 1))), uint8)
    first = reduce("min", op("where", op("equal", x, top), place, const(99, uint8)), "p q")
    at = ("n", "i", "j", "c")
    stores = (store(x_of("y", n, 4, 5, c), at, top),
              store(x_of("k", n, 4, 5, c, dtype=uint8), at, first))  # fmt: skip
    return Kernel("max_pool", axes(n=n, i=4, j=5, p=3, q=3, c=c), stores)


def max_pool_back(n: Size, c: Size) -> Kernel:
    """Every element looks at the windows it is in, and takes from those that chose it."""
    i, j = (Affine(((a, 1), (k, -1)), 1, 2) for a, k in (("h", "p"), ("w", "q")))
    guards = {"checked": (1, 2), "exact": (1, 2)}
    k = load(x_of("k", n, 4, 5, c, dtype=uint8), "n", i, j, "c", **guards, fill=99)
    dy = load(x_of("dy", n, 4, 5, c), "n", i, j, "c", **guards)
    mine = op("equal", k, coord(Affine((("p", 3), ("q", 1))), uint8))
    dx = total(op("where", mine, dy, 0.0), "p q")
    named = axes(n=n, h=8, w=9, p=3, q=3, c=c)
    return Kernel(
        "max_pool_back", named, (store(x_of("dx", n, 8, 9, c), ("n", "h", "w", "c"), dx),)
    )


def convolution(n: Size, c: Size) -> Kernel:
    """Run as a map: a sum of products with a window and dilated input."""
    i = Affine((("i", 1), ("p", -1)), 2, 2)
    x = load(x_of("x", n, 6, c), "n", i, "c", checked=(1,), exact=(1,))
    y = total(mul(x, load(x_of("w", 3, c, 5), "p", "c", "m")), "p c")
    return Kernel("convolution", axes(n=n, i=9, p=3, c=c, m=5), (put("y", "n i m", y, n, 9, 5),))


# ---------------------------------------------------------------------------- movement


def movement(n: Size, c: Size) -> Kernel:
    """concat([pad(a), flip(b)]) transposed, times a reshape."""
    here = as_index("c")
    a = load(x_of("a", n, 12), "n", Affine((("c", 1),), -4), checked=(1,))
    b = load(x_of("b", n, c), "n", affine_sum(Affine((("c", -1),)), c - 1), checked=(1,))
    joined = op("where", op("less", coord(here, int32), const(20, int32)), a, b)
    d = load(
        x_of("d", n, (c + 4) // 5, 5), "n", Affine(here.terms, 0, 5), Affine(here.terms, 0, 1, 5)
    )
    return Kernel("movement", axes(n=n, c=c), (put("y", "c n", mul(joined, d), c, n),))


def transposed(n: Size, c: Size) -> Kernel:
    x = load(x_of("x", c, n), "c", "n")
    return Kernel("transposed", axes(n=n, c=c), (put("y", "n c", add(x, rows("z", n, c)), n, c),))


def slices(n: Size, c: Size) -> Kernel:
    """Every second column, backwards rows, and a padded bfloat16."""
    even = load(x_of("x", n, 2 * c + 1), "n", Affine((("c", 2),), 1))
    back = load(x_of("z", n, c), affine_sum(Affine((("n", -1),)), n - 1), "c")
    near = load(x_of("s", n, c, dtype=bfloat16), "n", Affine((("c", 1),), 3), checked=(1,), fill=2)
    return Kernel("slices", axes(n=n, c=c), (put("y", "n c", add(add(even, back), near), n, c),))


def one_hot(n: Size, c: Size) -> Kernel:
    hit = op("equal", coord("c", int64), row("k", n, int64))
    return Kernel(
        "one_hot", axes(n=n, c=c), (put("y", "n c", op("cast", hit, dtype=float32), n, c),)
    )


# ---------------------------------------------------------------------------- gather, scatter


def embedding(n: Size, c: Size) -> Kernel:
    y = load(x_of("table", 30, c), row("ids", n, int64), "c")
    return Kernel("embedding", axes(n=n, c=c), (put("y", "n c", y, n, c),))


def gather_columns(n: Size, c: Size) -> Kernel:
    """An index along the vector axis, guarded."""
    key = load(x_of("ids", c, dtype=int32), "c")
    y = load(x_of("x", n, 20), "n", key, checked=(1,), fill=-1)
    return Kernel("gather_columns", axes(n=n, c=c), (put("y", "n c", y, n, c),))


def scatter(combine: str) -> Build:
    def build(n: Size, c: Size) -> Kernel:
        table = x_of("table", 30, c)
        dy = rows("dy", n, c)
        index = (row("ids", n, int32), as_index("c"))
        dtable = Store(table, index, dy, ("n", "c"), combine, combine == "max")
        return Kernel("scatter", axes(n=n, c=c), (dtable, put("z", "n c", mul(dy, 2.0), n, c)))

    return build


def scatter_points(combine: str) -> Build:
    def build(n: Size, c: Size) -> Kernel:
        """No column is free of the index: one item, in row-major order."""
        key = rows("ids", n, c, int64)
        histogram = Store(x_of("h", 30), (key,), rows("v", n, c), ("n", "c"), combine)
        return Kernel("scatter_points", axes(n=n, c=c), (histogram,))

    return build


def last_wins(n: Size, c: Size) -> Kernel:
    """Plain numbers as index: the last point stays."""
    last = Store(x_of("y", c), (as_index("c"),), rows("x", n, c), ("n", "c"), "set")
    return Kernel("last_wins", axes(n=n, c=c), (last,))


def overlap_add(n: Size, c: Size) -> Kernel:
    """Points meet on diagonals."""
    at = Affine((("n", 1), ("c", 1)))
    y = Store(x_of("y", n + c), (at,), rows("x", n, c), ("n", "c"), "sum")
    return Kernel("overlap_add", axes(n=n, c=c), (y,))


# ---------------------------------------------------------------------------- the rest


def dropout(n: Size, c: Size) -> Kernel:
    counter = coord(Affine((("n", c), ("c", 1))), uint32)
    keys = [load(x_of("key", 2, dtype=uint32), i) for i in (0, 1)]
    bits = op("random_bits", *keys, counter, const(0, uint32), dtype=uint32)
    kept = op("less", bits, const(3 << 30, uint32))
    y = op("where", kept, mul(rows("x", n, c), 4 / 3), 0.0)
    return Kernel("dropout", axes(n=n, c=c), (put("y", "n c", y, n, c),))


def optimizer(n: Size, c: Size) -> Kernel:
    """Tensors of different sizes: groups of stores that share no axis."""
    stores, named = [], {}
    rate = load(x_of("rate"))
    for t, size in enumerate((n, c, 260)):
        i = f"i{t}"
        named[i] = size
        g, m, v, p = (load(x_of(f"{name}{t}", size), i) for name in "gmvp")
        m1 = add(mul(m, 0.9), mul(g, 0.1))
        v1 = add(mul(op("abs", v), 0.999), mul(mul(g, g), 0.001))
        p1 = sub(p, mul(rate, div(m1, add(op("sqrt", v1), 1e-8))))
        stores += [put(f"{name}{t}_", i, e, size) for name, e in (("m", m1), ("v", v1), ("p", p1))]
    return Kernel("optimizer", axes(**named), tuple(stores))


def short_floats(n: Size, c: Size) -> Kernel:
    x = load(x_of("x", n, c, dtype=bfloat16), "n", "c")
    h = load(x_of("h", n, c, dtype=dtypes.float16), "n", "c")
    y = op("maximum", add(mul(x, 1.5), h), 0.0)
    stores = (put("y", "n c", y, n, c, dtype=bfloat16),
              put("z", "c n", y, c, n, dtype=dtypes.float16))  # fmt: skip
    return Kernel("short_floats", axes(n=n, c=c), stores)


def whole_numbers(n: Size, c: Size) -> Kernel:
    a, b = rows("a", n, c, dtypes.int16), rows("b", n, c, uint8)
    wide = op("cast", b, dtype=dtypes.int16)
    y = op("floor_divide", add(a, coord("c", dtypes.int16)), wide)
    stores = (put("y", "n c", y, n, c), put("s", "n", total(op("cast", a, dtype=int64), "c"), n),
              put("m", "c", reduce("max", b, "n"), c))  # fmt: skip
    return Kernel("whole_numbers", axes(n=n, c=c), stores)


def crossed(n: Size, c: Size) -> Kernel:
    """Reductions over both axes broadcast back: no order of loops makes both ready."""
    x = rows("x", n, c)
    y = sub(sub(x, mean(x, "c", c)), mean(x, "n", n))
    return Kernel("crossed", axes(n=n, c=c), (put("y", "n c", y, n, c),))


def nested(n: Size, c: Size) -> Kernel:
    """A sum of squares around means, whose mean is taken again."""
    x = rows("x", n, c)
    d = sub(x, mean(x, "c", c))
    spread = op("sqrt", mean(mul(d, d), "c", c))
    stores = (
        put("s", "", mean(spread, "n", n)),
        put("t", "n", div(spread, reduce("max", spread, "n")), n),
    )
    return Kernel("nested", axes(n=n, c=c), stores)


def scalars(n: Size, c: Size) -> Kernel:
    a, b = load(x_of("a")), load(x_of("b"))
    y = add(mul(a, b), size_of(n * c, float32))
    return Kernel("scalars", (), (put("y", "", y),))


CASES: dict[str, Build] = {
    f.__name__: f
    for f in (gelu_affine, softmax, softmax_middle, softmax_square, cross_entropy, mean_loss,
              layer_norm, layer_norm_back, partial_sums, extremes, logical, products, column_sums,
              batch_statistics, batch_normalise, max_pool, max_pool_back, convolution, movement,
              transposed, slices, one_hot, embedding, gather_columns, last_wins, overlap_add,
              dropout, optimizer, short_floats, whole_numbers, crossed, nested, scalars)
} | {f"scatter_{kind}": scatter(kind) for kind in ("sum", "max", "set")} | {
    f"points_{kind}": scatter_points(kind) for kind in ("sum", "set")
}  # fmt: skip


def inputs_for(name: str, n: int, c: int) -> dict[str, np.ndarray]:
    """Inputs that must not be random numbers of their dtype."""
    rng = np.random.default_rng(7)
    if name in ("cross_entropy", "mean_loss"):
        return {"label": rng.integers(0, max(c, 1), n)}
    if name == "one_hot":
        return {"k": rng.integers(-1, c + 1, n)}
    if name == "gather_columns":
        return {"ids": rng.integers(-3, 24, c)}
    if name.startswith(("embedding", "scatter")):
        return {"ids": rng.integers(0, 30, n)}
    if name.startswith("points"):
        return {"ids": rng.integers(0, 30, (n, c))}
    if name == "max_pool":
        return {"x": np.round(rng.standard_normal((n, 8, 9, c)), 0)}
    if name == "max_pool_back":
        return {"k": rng.integers(0, 9, (n, 4, 5, c))}
    if name == "extremes":
        x = np.round(rng.standard_normal((n, c)), 1)
        x[rng.random((n, c)) < 0.02] = np.nan
        return {"x": x}
    return {}
