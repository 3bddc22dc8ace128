"""Work of kernels: counted by hand, and against going through all points one by one."""

from __future__ import annotations

import itertools

import pytest
from contraction_forms import Conv, axes, batched, buffer, gates, kernel, masked, matmul

from graphc import dtypes
from graphc.ir import dim
from graphc.kernels.build import affine_sum, load, op, reduce, store
from graphc.kernels.cost import bytes_read, bytes_written, flops, points, smaller
from graphc.kernels.kernel import Affine, Kernel, Load
from graphc.kernels.split import split_rows
from graphc.kernels.walk import roots_of, walk

B = dim.named("batch")


def pointwise() -> Kernel:
    x = load(buffer("x", B, 10), "i", "j")
    scale = op("exp", load(buffer("s", 10), "j"))
    y = op("fma", x, scale, op("cast", x, dtype=dtypes.float32))
    return kernel("pointwise", axes(i=B, j=10), store(buffer("y", B, 10), "ij", y))


def softmax() -> Kernel:
    x = load(buffer("x", B, 10), "i", "j")
    e = op("exp", op("sub", x, reduce("max", x, "j")))
    y = op("div", e, reduce("sum", e, "j"))
    return kernel("softmax", axes(i=B, j=10), store(buffer("y", B, 10), "ij", y))


def lookup() -> Kernel:
    row = load(buffer("index", B, dtype=dtypes.int32), "i")
    value = load(buffer("table", 5000, 16), row, "j")
    return kernel("lookup", axes(i=B, j=16), store(buffer("y", B, 16), "ij", value))


def column_sums() -> Kernel:
    x = load(buffer("x", B, 10), "i", "j")
    return kernel("sums", axes(i=B, j=10), store(buffer("y", 10), "j", x, ("i", "j"), "sum"))


IMAGE = Conv(B, (8, 8), 16, 32, (3, 3), pad=1)

# fmt: off
COUNTED = [  # kernel,           flops,             bytes read,               bytes written
    (pointwise(),                20*B + 10,         40*B + 40,                40*B),
    (softmax(),                  50*B,              40*B,                     40*B),
    (lookup(),                   0,                 4*B + 64*B,               64*B),
    (column_sums(),              10*B,              40*B,                     40),
    (matmul(B, 6, 7),            2*B*6*7,           4*(B*7 + 7*6),            24*B),
    (IMAGE.forward(),            2*B*64*32*9*16,    4*(B*64*16 + 9*16*32),    4*B*64*32),
]
# fmt: on


@pytest.mark.parametrize("case", COUNTED, ids=lambda c: c[0].name)
def test_counted_by_hand(case):
    given, operations, read, written = case
    assert flops(given) == operations
    assert bytes_read(given) == read
    assert bytes_written(given) == written


def values(index: Affine, at: dict[str, int]) -> int:
    number = sum(c * at[n] for n, c in index.terms) + index.const
    return number // index.div % index.mod if index.mod else number // index.div


def touched(given: Kernel) -> int:
    """Bytes of all elements inside of their buffers that some load reads, point by point."""
    size = {a.name: a.size for a in given.axes}
    found = set()
    for e in walk(roots_of(given)):
        if isinstance(e, Load):
            names = sorted(e.free)
            for point in itertools.product(*(range(size[n]) for n in names)):
                at = dict(zip(names, point))
                place = tuple(values(i, at) for i in e.index)
                if all(0 <= p < s for p, s in zip(place, e.buffer.shape)):
                    found.add((e.buffer, place))
    return sum(b.dtype.itemsize for b, _ in found)


def pooled(size: int, window: int, stride: int) -> Kernel:
    count = (size - window) // stride + 1
    at = affine_sum(Affine((("o", stride),)), Affine((("t", 1),)))
    y = reduce("max", load(buffer("x", size, 3), at, "c"), "t")
    named = axes(o=count, t=window, c=3)
    return kernel("pooled", named, store(buffer("y", count, 3), "oc", y))


def both_halves() -> Kernel:
    low, high = (load(buffer("x", 12), affine_sum(Affine((("i", 1),)), k)) for k in (0, 6))
    return kernel("halves", axes(i=6), store(buffer("y", 6), "i", op("add", low, high)))


EXACT = [
    matmul(4, 5, 6, "tt", epilogue="bias"),
    masked(4, 5, 6),
    batched(2, 3, 4, 5),
    gates(2, 3, 4),
    Conv(2, (6, 5), 3, 4, (3, 3), pad=1).forward("relu"),
    Conv(2, (8, 8), 3, 4, (3, 3), stride=3).forward(),
    Conv(2, (6, 6), 4, 4, (3, 3), pad=1, groups=2).forward(),
    Conv(1, (6, 6), 2, 2, (3, 3), pad=1).weight_gradient(),
    *(pooled(9, w, s) for w, s in ((3, 1), (3, 2), (2, 3), (1, 4), (3, 3))),
    both_halves(),
]


@pytest.mark.parametrize("given", EXACT, ids=lambda k: k.name)
def test_bytes_read_are_those_of_all_points(given):
    assert bytes_read(given) == touched(given)


def test_a_split_reduction_does_the_same_work_and_some_more():
    x = load(buffer("x", 100, 8), "n", "c")
    whole = kernel("s", axes(n=100, c=8), store(buffer("y", 8), "c", reduce("sum", x, "n")))
    parts = split_rows(whole, "n", 3, 34)
    assert points(parts[0], ("n_part", "n_row", "c")) == 800, "the last part is short"
    assert sum(map(flops, parts)) == flops(whole) + 3 * 8
    assert bytes_read(parts[0]) == bytes_read(whole)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(3, 4, 3), (4, 3, 3), (B + 2, B, B), (2 * B, B, B), (B, 2 * B, B), (7, B, 7), (B, 7, B)],
)
def test_smaller(a, b, expected):
    assert smaller(a, b) == expected
