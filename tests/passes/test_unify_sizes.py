"""Sizes that meet become one; what cannot be solved is checked at calls; conflicts name a line."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backends.reference.evaluate import evaluate
from graphc.errors import ShapeError
from graphc.ir.dim import named
from graphc.ir.graph import graph
from graphc.ir.laws import verify
from graphc.ops import control, elementwise, index, leaf, matmul, movement, pool
from graphc.passes.unify_sizes import unify_sizes, with_sizes


def place(name, *shape):
    return leaf.placeholder(shape, name=name)


def unified(inputs, *outputs):
    after, checks = unify_sizes(graph(inputs, outputs))
    return verify(after), [str(c) for c in checks]


def shapes(after):
    return [", ".join(map(str, t.shape)) for t in after.inputs]


def _scan(x, y):
    return control.scan(lambda c, row: (c + row[0], None), place("c", "k"), (x, y))[0]


CASES = {
    "elementwise": ([("n",), ("m",)], lambda x, y: x + y, ["n", "n"]),
    "a number wins": ([("n",), (5,)], lambda x, y: x + y, ["5", "5"]),
    "a named size wins": ([(None, 2), ("m", 2)], lambda x, y: x * y, ["m, 2", "m, 2"]),
    "where": ([("n",), ("m",)], lambda x, y: elementwise.where(x < 1, y, 0), ["n", "n"]),
    "broadcast": ([("n",), (3, "m")], lambda x, y: x + y, ["n", "3, n"]),
    "concat": ([("n", 2), ("m", 3)], lambda x, y: movement.concat([x, y], 1), ["n, 2", "n, 3"]),
    "matmul": ([(2, "n"), ("m", 3)], lambda x, y: x @ y, ["2, n", "n, 3"]),
    "batched product": (
        [("n", 2, 3), ("m", 3, 2)],
        matmul.matmul,
        ["n, 2, 3", "n, 3, 2"],
    ),
    "gather": (
        [("n", 4), ("m", 2)],
        lambda x, y: index.gather(x, elementwise.round(y).astype("int32"), 1, batch_dims=1),
        ["n, 4", "n, 2"],
    ),
    "reshape": ([("n", 6), ("m",)], lambda x, y: x.reshape(("m",)) + y, ["n, 6", "6*n"]),
    "a sum of sizes": (
        [("n",), ("m",)],
        lambda x, y: movement.concat([x, x, leaf.zeros(1)]) + y,
        ["n", "2*n + 1"],
    ),
    "a chain": ([("n",), ("m",)], lambda x, y: (x + place("z", "k")) * y, ["n", "n"]),
    "scan": ([("n", 3), ("m", 3)], _scan, ["n, 3", "n, 3"]),
}


@pytest.mark.parametrize("case", CASES)
def test_sizes_become_one(case):
    given, build, expected = CASES[case]
    x, y = place("x", *given[0]), place("y", *given[1])
    after, checks = unified([x, y], build(x, y))
    assert shapes(after) == expected
    assert checks == []


def test_sizes_in_attributes_follow():
    x, y = place("x", "n", 2), place("y", "m", 2)
    row = leaf.size_of(y.shape[0]).astype("float32")
    after, _ = unified([x, y], movement.slice_axis(x + y, 0, 0, named("m")) * row)
    assert all("m" not in map(str, k.shape) for n in after.nodes for k in n.types)
    value = np.ones((3, 2), np.float32)
    result = evaluate(after.outputs, dict(zip(after.inputs, [value, value])))[0]
    np.testing.assert_array_equal(result, 6 * value)


def test_what_is_not_solved_is_checked():
    x, y = place("x", "n", "m"), place("y", "k")
    flat = x.reshape((named("k"),)) + y
    windows = pool.window_reduce(flat, "max", window=(4,), strides=(2,), padding=((0, 0),))
    assert unified([x, y], flat[3:], windows)[1] == ["3 <= m*n", "0 <= ((m*n)//(2)) - 1"]
    square = movement.reshape(x, (named("k"), named("k")))
    assert unified([x, y], square + leaf.zeros(("k", 1)))[1] == ["m*n == k*k"]


def test_an_unsolved_check_names_its_line():
    x = place("x", "n")
    part = x[:5]
    _, checks = unify_sizes(graph([x], [part]))
    assert [str(c) for c in checks] == ["5 <= n"]
    assert checks[0].source.file.endswith("test_unify_sizes.py")


CONFLICTS = {
    "two numbers": lambda x, y: (x + leaf.zeros(3)) * 1 + y * 0 + (y + leaf.zeros(4)),
    "a size and itself plus one": lambda x, y: (
        x
        + movement.concat([x, leaf.zeros(1)])[: named("n")]
        + (x + y) * (movement.concat([y, leaf.zeros(1)]) * place("z", "m"))
    ),
    "no whole number": lambda x, y: movement.concat([x, x]) + leaf.zeros(7) + y,
    "a negative size": lambda x, y: movement.concat([x, leaf.zeros(9)]) + leaf.zeros(7) + y,
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_conflicts_are_shape_errors_at_the_users_line(case):
    x, y = place("x", "n"), place("y", "m")
    with pytest.raises(ShapeError) as caught:
        unify_sizes(graph([x, y], [CONFLICTS[case](x, y)]))
    assert "test_unify_sizes.py" in str(caught.value)


def test_a_graph_of_known_sizes_stays_itself():
    x = place("x", 3)
    g = graph([x], [x + 1])
    assert unify_sizes(g) == (g, ())


def test_sizes_can_be_given():
    x = place("x", "n", None)
    g = graph([x], [x.sum(0) / leaf.size_of(x.shape[0]).astype("float32")])
    name = str(x.shape[1])
    after = with_sizes(g, {"n": 4, name: 2})
    assert after.inputs[0].shape == (4, 2)
    assert all(isinstance(s, int) for n in after.nodes for k in n.types for s in k.shape)
