"""Roles of axes: what is M, N, K and batch in each form, and what is no contraction."""

from __future__ import annotations

import pytest
from contraction_forms import Conv, axes, batched, buffer, gates, kernel, masked, matmul

from graphc import dtypes
from graphc.ir import dim
from graphc.kernels.build import load, op, reduce, store
from graphc.kernels.phases import split_phases
from graphc.kernels.roles import contraction_of
from graphc.kernels.split import split_rows

B = dim.named("batch")
IMAGE = Conv(B, (8, 8), 16, 32, (3, 3), pad=1)
GROUPED = Conv(B, (8, 8), 16, 32, (3, 3), pad=1, groups=4)
DEEP = Conv(B, (8, 8), 16, 16, (3, 3), groups=16)


def depthwise():
    x = DEEP.x().index[:3]
    read = load(buffer("x", B, 8, 8, 16), *x, "c")
    taps = load(buffer("w", 3, 3, 16), "t0", "t1", "c")
    acc = reduce("sum", op("mul", read, taps), "t0 t1")
    named = axes(b=B, o0=6, o1=6, t0=3, t1=3, c=16)
    return kernel("depthwise", named, store(buffer("y", B, 6, 6, 16), ("b", "o0", "o1", "c"), acc))


def strided_phase():
    phases = split_phases(Conv(B, (8, 8), 4, 8, (3, 3), stride=2, pad=1).input_gradient())
    assert phases
    return phases[0]


# fmt: off
FORMS = [  # kernel,                          m,             n,     k,           batch
    (matmul(B, 6, 7),                         "m",           "n",   "k",         ""),
    (matmul(5, 6, B, "tt", epilogue="bias"),  "m",           "n",   "k",         ""),
    (matmul(B, 6, 7, epilogue="sums"),        "m",           "n",   "k",         ""),
    (matmul(B, 6, 7, storage=dtypes.bfloat16), "m",          "n",   "k",         ""),
    (masked(B, 6, 7),                         "m",           "n",   "k",         ""),
    (batched(3, 4, 5, 6),                     "m",           "n",   "k",         "g"),
    (gates(B, 4, 5),                          "m",           "h",   "k",         ""),
    (IMAGE.forward("relu sums"),              "b o0 o1",     "co",  "t0 t1 ci",  ""),
    (IMAGE.input_gradient(),                  "b o0 o1",     "ci",  "t0 t1 co",  ""),
    (strided_phase(),                         "b o0 o1",     "ci",  "t0 t1 co",  ""),
    (IMAGE.weight_gradient(),                 "t0 t1 ci",    "co",  "b o0 o1",   ""),
    (GROUPED.forward(),                       "b o0 o1",     "co",  "t0 t1 ci",  "g"),
    (GROUPED.weight_gradient(),               "t0 t1 ci",    "co",  "b o0 o1",   "g"),
    (depthwise(),                             "b o0 o1",     "",    "t0 t1",     "c"),
    (split_rows(IMAGE.weight_gradient(), "b", 4, dim.ceil_div(B, 4))[0],
                                              "t0 t1 ci",    "co",  "b_row o0 o1", "b_part"),
]
# fmt: on


@pytest.mark.parametrize(("k", "m", "n", "over", "batch"), FORMS)
def test_roles(k, m, n, over, batch):
    found = contraction_of(k)
    assert found is not None
    got = (found.m, found.n, found.k, found.batch)
    assert tuple(map(" ".join, got)) == (m, n, over, batch)


def test_sibling_sums_share_their_first_operand():
    found = contraction_of(gates(B, 4, 5))
    assert found is not None
    assert len(found.sums) == len(found.b) == 2


def test_column_sums_wait_for_the_tiles():
    found = contraction_of(matmul(B, 6, 7, epilogue="bias sums"))
    assert found is not None
    assert [s.buffer.name for s in found.tiles] == ["y"]
    assert [s.buffer.name for s in found.totals] == ["s", "q"]


def refused_row_softmax():
    k = matmul(4, 5, 6)
    acc = k.stores[0].value
    y = op("sub", acc, reduce("max", acc, "n"))
    return kernel("rows", k.axes, store(buffer("y", 4, 5), "mn", y))


def refused_different_operands():
    a, b = (reduce("sum", op("mul", *_pair(i)), "k") for i in "ab")
    return kernel("two", axes(m=4, n=5, k=6), store(buffer("y", 4, 5), "mn", op("add", a, b)))


def _pair(tag):
    return load(buffer(f"x{tag}", 4, 6), "m", "k"), load(buffer(f"w{tag}", 6, 5), "k", "n")


def refused_lone_operand():
    x = load(buffer("x", 4, 6), "m", "k")
    b = load(buffer("b", 5), "n")
    y = reduce("sum", op("mul", x, b), "k")
    return kernel("lone", axes(m=4, n=5, k=6), store(buffer("y", 4, 5), "mn", y))


def refused_plain_sum():
    x = load(buffer("x", 4, 6), "m", "k")
    return kernel("sum", axes(m=4, k=6), store(buffer("y", 4), "m", reduce("sum", x, "k")))


def refused_sum_over_nothing():
    x, b = load(buffer("x", 4), "m"), load(buffer("b", 5), "n")
    y = reduce("sum", op("mul", x, b), ())
    return kernel("outer", axes(m=4, n=5), store(buffer("y", 4, 5), "mn", y))


REFUSED = [
    refused_sum_over_nothing(),
    refused_row_softmax(),
    refused_different_operands(),
    refused_lone_operand(),
    refused_plain_sum(),
]


@pytest.mark.parametrize("k", REFUSED, ids=lambda k: k.name)
def test_no_single_contraction(k):
    assert contraction_of(k) is None
