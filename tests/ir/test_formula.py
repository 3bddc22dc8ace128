"""Formulas for people, as text; and that the gradient of x * x is 2 * x."""

from __future__ import annotations

import pytest

from graphc import dtypes
from graphc.diff.reverse import grad
from graphc.ir.formula import formula
from graphc.ir.graph import graph
from graphc.ops import activation, control, index, leaf, matmul, movement, reduce
from graphc.ops.convert import cast
from graphc.ops.elementwise import exp, less, log, logical_and, maximum, sin, where
from graphc.passes.options import Options
from graphc.passes.pipeline import run
from graphc.passes.simplify import simplify

s = leaf.placeholder((), name="s")
x = leaf.placeholder(("n", 3), name="x")
y = leaf.placeholder((3,), name="y")
w = leaf.placeholder((3, 2), name="w")

FORMULAS = [
    (x + y, "x + y"),
    (x - (y - x), "x - (y - x)"),
    ((x - y) - x, "x - y - x"),
    ((x + y) * x, "(x + y) * x"),
    (x * 2 + 1, "2 * x + 1"),
    (x * -2 + -1, "-2 * x - 1"),
    (x / (y * x), "x / (y * x)"),
    (x * x, "x**2"),
    ((x + y) * (x + y), "(x + y)**2"),
    (-(x * x), "-x**2"),
    ((-x) * (-x), "(-x)**2"),
    (x**3.0, "x**3"),
    (x**-0.5, "x**-0.5"),
    (x**x, "x**x"),
    (2 ** (x + 1), "2**(x + 1)"),
    (x * x + exp(-s) * 2, "x**2 + 2 * exp(-s)"),
    (x * 0.1, "0.1 * x"),
    (cast(leaf.full((), 0.1), dtypes.float64), "float64(0.1)"),
    (reduce.sum(x), "sum(x)"),
    (reduce.sum(x, 0), "sum(x, axis=0)"),
    (x - reduce.max(x, 1, keepdims=True), "x - max(x, axis=1)"),
    (reduce.mean(x, 0), "sum(x, axis=0) / n"),
    (x @ w, "x @ w"),
    ((x + 1) @ (w * 2), "(x + 1) @ (2 * w)"),
    (
        matmul.dot_general(x, x, ([0], [0])),
        "dot_general(x, x, batch=((), ()), contract=((0,), (0,)))",
    ),
    (w.T, "w.T"),
    ((w + 1).T, "(w + 1).T"),
    (w[1:, ::2], "w[1:][:, ::2]"),
    (x + -y, "x - y"),
    (1 + x, "x + 1"),
    (5 + leaf.full((3,), 2.0), "2 + 5"),
    (movement.reshape(w, (6,)), "reshape(w, (6,))"),
    (movement.concat([w, w], 1), "concat([w, w], axis=1)"),
    (where(logical_and(less(x, 0), x != y), x, 0), "where(x < 0 and x != y, x, 0)"),
    (maximum(x, 0), "maximum(x, 0)"),
    (index.take(w, leaf.constant([0, 2])), "take(w, [0, 2], axis=0, batch_dims=0)"),
    (index.argsort(y), "sort(y, axis=0, descending=False)[1]"),
    (leaf.placeholder((), name="not a name"), "'not a name'"),
]  # fmt: skip


@pytest.mark.parametrize(("tensor", "expected"), FORMULAS, ids=[e for _, e in FORMULAS])
def test_formulas(tensor, expected):
    assert formula(tensor) == expected


def test_large_shared_parts_get_names():
    part = exp(x - reduce.max(x, 1, keepdims=True))
    assert formula(part / reduce.sum(part, 1, keepdims=True)) == (
        "a = exp(x - max(x, axis=1))\na / sum(a, axis=1)"
    )
    assert formula(activation.softmax(leaf.placeholder((5,), name="a"))) == (
        "b = exp(a - max(a))\nb / sum(b)"
    )


def test_long_formulas_are_cut_into_lines():
    deep = s
    for _ in range(5000):
        deep = sin(deep + s)
    lines = formula(deep).split("\n")
    assert max(map(len, lines)) < 400
    assert lines[0].startswith("a = ")


def test_loops_are_named_without_their_bodies():
    total, _ = control.scan(lambda c, row: (c + row, None), leaf.zeros((3,)), x)
    assert formula(total) == "scan(0, x, carries=1, length=n, reverse=False, scanned=1)"


def simplified(tensor, fast_math=True):
    return simplify(graph([], [tensor]), Options(fast_math=fast_math)).outputs[0]


GRADIENTS = [
    (lambda t: t * t, "2 * s"),
    (lambda t: t**3.0, "3 * s**2"),
    (lambda t: exp(2 * t), "2 * exp(2 * s)"),
    (lambda t: sin(t) * 3 + t, None),
    (lambda t: log(t), "1 / s"),
]


@pytest.mark.parametrize(("function", "expected"), GRADIENTS)
def test_simplified_gradients_read_as_in_a_book(function, expected):
    text = formula(simplified(grad(function(s), s)))
    assert text == (expected or "3 * cos(s) + 1")


def test_the_second_derivative_of_a_cube():
    second = grad(grad(s * s * s, s), s)
    assert formula(simplified(second)) == "6 * s"


def test_the_pipeline_leaves_x_twice():
    graph_after, _ = run(graph([s], [grad(s * s, s)]), Options())
    assert formula(graph_after.outputs[0]) == "2 * s"
