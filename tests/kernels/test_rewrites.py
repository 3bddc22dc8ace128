"""Splits, phases, merges and names: every rewritten kernel means what it meant before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contraction_forms import (
    F32,
    MEANING,
    Conv,
    arrays_of,
    axes,
    batched,
    buffer,
    gates,
    kernel,
    masked,
    matmul,
    outputs_of,
    relu,
    run_oracle,
)

from graphc import dtypes
from graphc.ir import dim
from graphc.kernels.build import as_index, const, coord, load, op, reduce, size_of, store
from graphc.kernels.canonical import canonical
from graphc.kernels.guards import with_simple_guards
from graphc.kernels.kernel import Affine, Load
from graphc.kernels.laws import verify
from graphc.kernels.merge import merge_axes
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.phases import split_phases
from graphc.kernels.printer import show
from graphc.kernels.settle import settled
from graphc.kernels.split import split_rows
from graphc.kernels.walk import buffers_of, roots_of, size_names, walk

B = dim.named("batch")
F64 = dtypes.float64
INT = dtypes.int64
COUNT = size_of(B, F64)


def same(before, after, sizes, tolerance=1e-12) -> None:
    """The kernels `after` leave in the outputs of `before` what `before` does."""
    arrays = arrays_of((*before, *after), sizes)
    want, got = run_oracle(before, arrays, sizes), run_oracle(after, arrays, sizes)
    for name in outputs_of(before):
        assert np.isfinite(want[name]).all()
        np.testing.assert_allclose(got[name], want[name], tolerance, tolerance, err_msg=name)


def f64(name, *shape):
    return buffer(name, *shape, dtype=F64)


# ---------------------------------------------------------------------------- kernels to rewrite


def statistics(n=B, c=5):
    """Mean and deviation per channel, in two passes over x: the second waits for the first."""
    x = load(f64("x", n, 3, c), "n", "h", "c")
    mean = op("div", reduce("sum", x, "n h"), op("mul", COUNT, 3.0))
    d = op("sub", x, mean)
    var = op("div", reduce("sum", op("mul", d, d), "n h"), op("mul", COUNT, 3.0))
    rstd = op("rsqrt", op("add", var, 1e-5))
    named = axes(n=n, h=3, c=c)
    return kernel(
        "stats",
        named,
        store(f64("mean", c), ("c",), mean),
        store(f64("rstd", c), ("c",), rstd),
        store(f64("y", n, 3, c), ("n", "h", "c"), op("mul", d, rstd)),
    )


def layer_norm_back(n=B, c=7):
    x, dy = (load(f64(v, n, c), "n", "c") for v in ("x", "dy"))
    dh = op("mul", dy, load(f64("g", c), "c"))
    row = op("sub", dh, op("div", reduce("sum", dh, "c"), float(c)))
    stores = [store(f64("dx", n, c), ("n", "c"), row)]
    stores += [store(f64("dg", c), ("c",), reduce("sum", op("mul", dy, x), "n"))]
    stores += [store(f64("db", c), ("c",), dy, ("n", "c"), "sum")]
    return kernel("ln", axes(n=n, c=c), *stores)


def cross_entropy(n=B, c=6):
    x = load(f64("x", n, c), "n", "c")
    label = load(buffer("label", n, dtype=dtypes.float64), "n")
    top = reduce("max", x, "c")
    e = op("exp", op("sub", x, top))
    total = reduce("sum", e, "c")
    hit = op("less", coord("c", F64), label)
    target = reduce("sum", op("where", hit, x, 0.0), "c")
    loss = reduce("sum", op("sub", op("add", op("log", total), top), target), "n")
    dx = op("div", op("div", e, total), COUNT)
    stores = [store(f64("dx", n, c), ("n", "c"), dx)]
    stores += [store(f64("loss"), (), op("div", loss, COUNT), ())]
    return kernel("ce", axes(n=n, c=c), *stores)


def running_extremes(n=B):
    x = load(f64("x", n), "n")
    stores = [store(f64("low"), (), x, ("n",), "min")]
    stores += [store(f64("high"), (), reduce("max", x, "n"), ())]
    return kernel("extremes", axes(n=n), *stores)


REDUCING = [statistics(), layer_norm_back(), cross_entropy(), running_extremes()]


# ---------------------------------------------------------------------------- splits


@pytest.mark.parametrize("k", REDUCING, ids=lambda k: k.name)
@pytest.mark.parametrize("batch", [1, 2, 7, 16, 33])
@pytest.mark.parametrize("parts", [1, 4])
def test_a_split_means_the_same_at_every_batch(k, batch, parts):
    after = split_rows(k, "n", parts, dim.ceil_div(B, parts))
    same([k], after, {"batch": batch}, 1e-9)


def test_a_split_of_nothing_gives_identities():
    k = running_extremes()
    arrays = arrays_of([k], {"batch": 0})
    after = split_rows(k, "n", 4, dim.ceil_div(B, 4))
    arrays |= arrays_of(after, {"batch": 0}) | arrays
    got = run_oracle(after, arrays, {"batch": 0})
    assert got["low"] == np.inf
    assert got["high"] == -np.inf


def test_column_sums_beside_row_work_accumulate_row_by_row():
    first, finish = split_rows(layer_norm_back(), "n", 4, dim.ceil_div(B, 4))
    assert [s.combine for s in first.stores] == [None, "sum", "sum"]
    assert [s.buffer.name for s in finish.stores] == ["dg", "db"]


def test_a_reduction_that_waits_for_another_takes_two_rounds():
    after = split_rows(statistics(), "n", 4, dim.ceil_div(B, 4))
    names = ["stats_part", "stats_finish", "stats_part1", "stats_finish1", "stats_part2"]
    assert [k.name for k in after] == names


def test_weight_gradient_splits_over_the_batch():
    conv = Conv(B, (6, 5), 3, 4, (3, 3), pad=1, dtype=F64)
    k = conv.weight_gradient()
    after = split_rows(k, "b", 4, dim.ceil_div(B, 4))
    for batch in (1, 3, 9):
        same([k], after, {"batch": batch})


# fmt: off
NEEDS_SPLIT = [  # kernel, how many kernels it becomes, how many parts
    (Conv(B, (28, 28), 32, 64, (3, 3), dtype=F64).weight_gradient(), 2, 16),
    (Conv(B, (28, 28), 1, 64, (3, 3), dtype=F64).weight_gradient(),  2, 16),
    (Conv(B, (28, 28), 32, 64, (3, 3), dtype=F64).forward("sums"),   1, 0),
    (matmul(784, 256, B, "tn"),                                      1, 0),
    (matmul(64, 64, 100000, "tn"),                                   2, 16),
    (matmul(B, 256, 784),                                            1, 0),
    (statistics(B, 5),                                               1, 0),
    (statistics(B, 512),                                             5, 16),
    (layer_norm_back(B, 1000),                                       2, 16),
    (running_extremes(1 << 20),                                      2, 16),
    (running_extremes(100),                                          1, 0),
]
# fmt: on


@pytest.mark.parametrize(("k", "count", "parts"), NEEDS_SPLIT)
def test_kernels_without_parallel_work_are_split(k, count, parts):
    after = split_for_parallelism(k)
    assert len(after) == count
    found = {a.size for a in after[0].axes if a.name.endswith("_part")}
    assert found == ({parts} if parts else set())


def test_batch_norm_statistics_split_over_all_pixels_at_once():
    c = 64
    x = load(f64("x", B, 14, 14, c), "n", "h", "w", "c")
    shift = load(f64("x", B, 14, 14, c), 0, 0, 0, "c")
    total = op("add", reduce("sum", op("sub", x, shift), "n h w"), shift)
    named = axes(n=B, h=14, w=14, c=c)
    k = kernel("sums", named, store(f64("s", c), ("c",), total))
    first, finish = split_for_parallelism(k)
    assert [a.name for a in first.axes] == ["w_part", "w_row", "c"]
    assert len({b.shape for b in buffers_of(first) if b.name == "x"}) == 1
    for batch in (1, 5):
        same([k], [first, finish], {"batch": batch}, 1e-9)


# ---------------------------------------------------------------------------- phases


def divided(k) -> bool:
    loads = [e for e in walk(roots_of(k)) if isinstance(e, Load)]
    return any(isinstance(i, Affine) and i.div > 1 for e in loads for i in e.index)


# fmt: off
STRIDED = [
    Conv(2, (9,),      2, 3, (3,),      stride=2, pad=1, dtype=F64),
    Conv(2, (9, 8),    2, 3, (3, 3),    stride=2, pad=1, dtype=F64),
    Conv(2, (9, 8),    2, 3, (2, 1),    stride=3, pad=0, dtype=F64),
    Conv(1, (11, 9),   2, 3, (3, 2),    stride=2, dilation=2, dtype=F64),
    Conv(1, (12, 12),  2, 3, (3, 3),    stride=4, pad=1, dilation=2, dtype=F64),
    Conv(1, (7, 6, 5), 2, 2, (3, 2, 2), stride=2, pad=1, dtype=F64),
    Conv(3, (7, 7),    4, 6, (1, 1),    stride=2, groups=2, dtype=F64),
]
# fmt: on


@pytest.mark.parametrize("conv", STRIDED, ids=str)
def test_phases_of_an_input_gradient(conv):
    k = conv.input_gradient()
    after = split_phases(k)
    assert after is not None
    assert not any(map(divided, after))
    same([k], after, {})


def test_phases_with_an_epilogue_and_a_prologue():
    conv = Conv(2, (9,), 3, 4, (2,), stride=3, dtype=F64)
    at = Affine((("o0", 1), ("t0", -1)), 0, 3)
    dy, z = (load(conv.y(name), "b", at, "co", checked=(1,), exact=(1,)) for name in ("dy", "z"))
    dz = op("where", op("less", const(0.0, F64), z), dy, 0.0)
    acc = reduce("sum", op("mul", dz, conv.w()), "t0 co")
    y = relu(op("add", acc, load(f64("bias", 3), "ci")))
    x = f64("dx", 2, 9, 3)
    k = kernel("dx", conv.axes(o0=9), store(x, ("b", "o0", "ci"), y))
    after = split_phases(k)
    assert after is not None
    assert len(after) == 3
    assert [len(a.axes) for a in after] == [5, 5, 3], "the last phase has no taps"
    same([k], after, {})


def test_weight_gradient_of_a_dilated_input():
    """dw[p] = sum x[(i + p - 1) / 2] dy[i]: the kept axis is the tap, the position is summed."""
    x = load(f64("x", 6, 3), Affine((("i", 1), ("p", 1)), -1, 2), "c", checked=(0,), exact=(0,))
    dy = load(f64("dy", 11, 4), "i", "d")
    acc = reduce("sum", op("mul", x, dy), "i")
    named = axes(i=11, p=3, c=3, d=4)
    k = kernel("dw", named, store(f64("dw", 3, 3, 4), ("p", "c", "d"), acc))
    after = split_phases(k)
    assert after is not None
    assert len(after) == 2
    same([k], after, {})


def test_phases_that_would_change_the_meaning_are_refused():
    at = Affine((("h", 1), ("p", -1)), 1, 2)
    unknown = Conv(2, (9,), 2, 3, (3,), stride=2, dtype=F64)
    k = unknown.input_gradient()
    named = tuple(a if a.name != "o0" else type(a)("o0", B) for a in k.axes)
    assert split_phases(type(k)(k.name, named, k.stores)) is None
    x = load(f64("x", 4), at, checked=(0,), exact=(0,), fill=1)
    counted = kernel("n", axes(h=8, p=3), store(f64("y", 8), ("h",), reduce("sum", x, "p")))
    assert split_phases(counted) is None
    plain = matmul(3, 4, 5)
    assert split_phases(plain) == (plain,)


# ---------------------------------------------------------------------------- merges and names


def movement(n=B):
    """concat and reshape: divided indices and coordinates over merged candidates."""
    a = load(f64("a", n, 4, 5), "n", "h", "w")
    flat = Affine((("n", 20), ("h", 5), ("w", 1)))
    flip = load(f64("b", n, 4, 5), "n", "h", Affine((("w", -1),), 4))
    one = op("add", a, coord(flat, F64))
    stores = [store(f64("y", n, 4, 5), ("n", "h", "w"), one)]
    stores += [store(f64("z", n, 4, 5), ("n", "h", "w"), op("add", one, flip))]
    return kernel("movement", axes(n=n, h=4, w=5), *stores)


# fmt: off
MERGES = [  # kernel, names of the axes that remain
    (batched(3, 4, 5, 6, F64),                                    "g m n k"),
    (kernel("copy", axes(n=B, h=3, w=4),
            store(f64("y", B, 3, 4), "nhw", load(f64("x", B, 3, 4), *"nhw"))), "w"),
    (kernel("turn", axes(n=B, h=3, w=4),
            store(f64("y", 4, B, 3), "wnh", load(f64("x", B, 3, 4), *"nhw"))), "h w"),
    (movement(),                                                  "h w"),
    (statistics(),                                                "h c"),
    (Conv(B, (5, 6), 3, 4, (1, 1), dtype=F64).forward("bias sums"), "o1 ci co"),
    (Conv(B, (5, 6), 3, 4, (3, 3), dtype=F64).forward(),          "b o0 o1 t0 t1 ci co"),
    (matmul(B, 1, 5, dtype=F64),                                  "m k"),
    (matmul(B, 4, 1, dtype=F64),                                  "m n"),
]
# fmt: on


@pytest.mark.parametrize(("k", "names"), MERGES, ids=lambda x: getattr(x, "name", x))
def test_merged_axes_mean_the_same(k, names):
    merged = verify(merge_axes(k))
    assert " ".join(a.name for a in merged.axes) == names
    same([k], [merged], {"batch": 3})


def test_a_merged_buffer_has_one_shape_everywhere():
    c = 4
    x = f64("x", B, 3, c)
    value = op("sub", load(x, "n", "h", "c"), load(x, 0, 2, "c"))
    k = kernel("shift", axes(n=B, h=3, c=c), store(f64("y", B, 3, c), "nhc", value))
    merged = merge_axes(k)
    assert [a.name for a in merged.axes] == ["h", "c"]
    assert {e.buffer.shape for e in walk(roots_of(merged)) if isinstance(e, Load)} == {(3 * B, c)}
    same([k], [merged], {"batch": 2})


def test_stores_are_settled():
    x = load(f64("x", B, 4), "n", "c")
    stores = [replace(store(f64("y", B, 4), ("n", "c"), x, combine="sum"), keep=True)]
    stores += [replace(store(f64("s", 4), ("c",), x, ("n", "c"), "sum"), keep=True)]
    stores += [store(f64("t", 2), (Affine((("c", 1),), 0, 2),), x, ("n", "c"), "sum")]
    k = kernel("totals", axes(n=B, c=4), *stores)
    plain = settled(k)
    assert [s.combine for s in plain.stores] == [None, None, "sum"]
    same([k], [plain], {"batch": 5})


def test_canonical_text_forgets_names():
    def softmax(n, names, data):
        x = load(f64(data, n, 5), *names)
        e = op("exp", op("sub", x, reduce("max", x, names[1])))
        y = op("div", e, reduce("sum", e, names[1]))
        return kernel(data, axes(**{names[0]: n, names[1]: 5}), store(f64("o", n, 5), names, y))

    one = canonical(softmax(B, ("n", "c"), "x"))
    two = canonical(softmax(dim.named("_17"), ("rows", "classes"), "logits"))
    assert show(one.kernel) == show(two.kernel)
    assert two.buffers == ("logits", "o")
    assert two.sizes == ("_17",)
    other = canonical(softmax(7, ("n", "c"), "x"))
    assert show(other.kernel) != show(one.kernel)


@pytest.mark.parametrize("k", [*REDUCING, movement(), gates(3, 4, 5), masked(3, 4, 5)])
def test_canonical_kernels_mean_the_same(k):
    found = canonical(k)
    verify(found.kernel)
    arrays = arrays_of([k], {"batch": 4})
    renamed = [b.name for b in buffers_of(found.kernel)]
    inner = dict(zip(renamed, (arrays[n] for n in found.buffers)))
    sizes = dict(zip(size_names(found.kernel), ({"batch": 4}[n] for n in found.sizes)))
    want, got = run_oracle([k], arrays, {"batch": 4}), run_oracle([found.kernel], inner, sizes)
    for new, old in zip(renamed, found.buffers):
        np.testing.assert_array_equal(got[new], want[old])


def test_the_oracle_table_is_used():
    assert MEANING["sigmoid"](np.float64(0)) == 0.5
    assert as_index("n").axes == {"n"}
    assert F32.name == "float32"


def test_phases_of_guards_that_ask_for_a_rest():
    """A division inside a prologue is guarded by conditions instead of an exact load."""
    conv = Conv(2, (9,), 3, 4, (3,), stride=2, pad=1, dtype=F64)
    inner = Affine((("o0", 1), ("t0", -1)), 1)
    at = replace(inner, div=2)
    dy = op("exp", load(conv.y("dy"), "b", at, "co", checked=(1,)))
    rest = op("equal", op("remainder", coord(inner), 2), 0)
    inside = [op("less_equal", const(0, INT), coord(at)), op("less", coord(at), 5), rest]
    both = op("logical_and", op("logical_and", *inside[:2]), inside[2])
    acc = reduce("sum", op("mul", op("where", both, dy, 0.0), conv.w()), "t0 co")
    x = f64("dx", 2, 9, 3)
    k = kernel("dx", conv.axes(o0=9), store(x, ("b", "o0", "ci"), acc))
    after = split_phases(k)
    assert after is not None
    assert len(after) == 2
    assert not any(map(divided, after))
    same([k], after, {})


def test_guards_that_a_load_has_anyway_are_dropped():
    at = Affine((("i", 1), ("p", 1)), -1)
    x = load(f64("x", 6), at, checked=(0,))
    inside = op("logical_and", op("less_equal", const(0, INT), coord(at)), op("less", coord(at), 6))
    y = reduce("sum", op("where", inside, x, 0.0), "p")
    k = kernel("window", axes(i=6, p=3), store(f64("y", 6), ("i",), y))
    plain = with_simple_guards(k)
    assert not any(getattr(e, "name", "") == "where" for e in walk(roots_of(plain)))
    same([k], [plain], {})
    idle = kernel(
        "idle", axes(i=6), store(f64("y", 6), ("i",), load(f64("x", 6), "i", checked=(0,)))
    )
    (e,) = (e for e in walk(roots_of(with_simple_guards(idle))) if isinstance(e, Load))
    assert e.checked == ()
