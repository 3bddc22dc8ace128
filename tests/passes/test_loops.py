"""Loops: what is hoisted, sunk, merged and dropped, and that numbers and gradients stay."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backends.reference.evaluate import evaluate, evaluate_node
from graphc.diff.reverse import grad
from graphc.ir.graph import graph
from graphc.ir.laws import verify
from graphc.ops import control, elementwise, index, leaf, matmul, reduce
from graphc.ops.elementwise import exp, sigmoid, tanh
from graphc.passes.hoist_invariants import hoist_invariants
from graphc.passes.merge_loops import merge_loops
from graphc.passes.options import Options
from graphc.passes.pipeline import run
from graphc.passes.remove_dead import remove_dead
from graphc.passes.sink_results import sink_results

OPTIONS = Options(evaluate=lambda node, values: evaluate_node(node, values, {}))

xs = leaf.placeholder((7, "n", 4), name="xs")
w = leaf.placeholder((4, 3), name="w")
u = leaf.placeholder((3, 3), name="u")
b = leaf.placeholder((3,), name="b")
start = leaf.placeholder(("n", 3), name="start")
INPUTS = (xs, w, u, b, start)


def feeds():
    rng = np.random.default_rng(0)
    return {
        t: rng.uniform(-1, 1, [s if isinstance(s, int) else 2 for s in t.shape]).astype("float32")
        for t in INPUTS
    }


def loops(given):
    return [n for n in given.nodes if n.op is control.scan_op]


def ops_in_loops(given):
    return [
        m.op.name for n in loops(given) for m in n.attrs["body"].nodes if "leaf" not in m.op.traits
    ]


def assert_equal(before, after):
    verify(after)
    for a, c in zip(
        evaluate(before.outputs, feeds()), evaluate(after.outputs, feeds()), strict=True
    ):
        np.testing.assert_allclose(a, c, rtol=1e-5, atol=1e-5)


def recurrent(reverse=False):
    def step(state, row):
        new = tanh(matmul.matmul(row, w) + b + matmul.matmul(state, u))
        return new, new

    return control.scan(step, start, xs, reverse=reverse)


@pytest.mark.parametrize("reverse", [False, True])
def test_products_of_rows_become_one_product(reverse):
    given = graph(INPUTS, recurrent(reverse))
    after = remove_dead(hoist_invariants(given, OPTIONS), OPTIONS)
    assert ops_in_loops(after) == ["dot_general", "add", "tanh"]
    assert [n.types[0].shape[0] for n in after.nodes if n.op.name == "dot_general"] == [7]
    assert_equal(given, after)


def test_what_is_the_same_in_each_step_is_done_once():
    # The body must be traced before the gradient of its inputs is known, so it is built by hand.
    p, q = (leaf.parameter(0, i, t.type) for i, t in enumerate((start, b)))
    body = graph([p, q], [elementwise.mul(p, exp(q) + 1 + leaf.zeros(("n", 3)))])
    given = graph(INPUTS, control.build_scan(body, [start], [], [b], 5, False))
    after = hoist_invariants(given, OPTIONS)
    assert ops_in_loops(after) == ["mul"]
    assert_equal(given, after)


def test_products_of_rows_of_a_table_are_done_before_the_loop():
    def step(state, row):
        return tanh(matmul.matmul(state, u) + matmul.matmul(index.gather(u, row), u)), None

    places = leaf.constant([[0, 2], [1, 1], [2, 0]])
    given = graph(INPUTS, [control.scan(step, start, places)[0]])
    after = remove_dead(hoist_invariants(given, OPTIONS), OPTIONS)
    assert ops_in_loops(after) == ["dot_general", "add", "tanh"]
    assert_equal(given, after)


def test_loops_over_small_batches_stay_small():
    def step(total, row):
        product = tanh(matmul.matmul(row, w))
        return total + matmul.dot_general(row, product, ([0], [0])), None

    given = graph(INPUTS, [control.scan(step, leaf.zeros((4, 3)), xs)[0]])
    assert hoist_invariants(given, OPTIONS) is given
    assert sink_results(given, OPTIONS) is given


def test_sums_of_products_leave_the_loop():
    def step(carry, row):
        state, total = carry
        new = tanh(matmul.matmul(state, u) + matmul.matmul(row, w))
        return (new, total + matmul.dot_general(row, new, ([0], [0]))), matmul.matmul(new, u)

    (last, total), rows = control.scan(step, (start, leaf.zeros((4, 3))), xs)
    given = graph(INPUTS, [last, total, rows])
    after = remove_dead(sink_results(hoist_invariants(given, OPTIONS), OPTIONS), OPTIONS)
    assert ops_in_loops(after).count("dot_general") == 1
    assert loops(after)[0].attrs["carries"] == 1
    assert_equal(given, after)


def test_products_that_steps_read_stay():
    def step(state, row):
        product = matmul.matmul(state, u)
        return tanh(product), product

    given = graph(INPUTS, control.scan(step, start, None, length=4))
    assert sink_results(given, OPTIONS) is given


def test_loops_that_go_the_same_way_are_one():
    first, ys = recurrent()

    def step(state, row):
        new = tanh(matmul.matmul(row, w) + b + matmul.matmul(state, u))
        return new, (exp(new), state)

    last, (zs, before) = control.scan(step, start, xs)
    given = graph(INPUTS, [first, ys, last, zs, before])
    after = merge_loops(given, OPTIONS)
    assert (len(loops(given)), len(loops(after))) == (2, 1)
    assert after.outputs[0] is after.outputs[2]
    assert_equal(given, after)


def test_a_loop_over_the_rows_of_another_stays_apart():
    _, ys = recurrent()
    second = control.scan(lambda c, r: (tanh(c + r), None), start, ys)[0]
    third = control.scan(lambda c, r: (tanh(c + r), None), start, exp(ys))[0]
    given = graph(INPUTS, [second, third])
    assert len(loops(merge_loops(given, OPTIONS))) == 3


def test_unread_carries_rows_and_captures_are_dropped():
    def step(carry, row):
        a, unread, count = carry
        new = (tanh(a + row[:, :3]), unread * matmul.matmul(row, w), count + 1.0)
        return new, (count, exp(unread))

    (last, _, _), (counts, _) = control.scan(step, (start, start, leaf.zeros(())), xs)
    given = graph(INPUTS, [last, counts])
    after = remove_dead(given, OPTIONS)
    (loop,) = loops(after)
    assert (loop.attrs["carries"], len(loop.inputs), len(loop.types)) == (2, 3, 3)
    assert_equal(given, after)


def test_rows_that_are_returned_twice_are_computed_once():
    def step(state, row):
        new = tanh(state + row[:, :3])
        return new, (new * 2, new, new * 2, new)

    last, rows = control.scan(step, start, xs)
    given = graph(INPUTS, [last, *rows])
    after = remove_dead(given, OPTIONS)
    (loop,) = loops(after)
    assert len(loop.outputs) == 3
    assert_equal(given, after)


def test_dead_results_of_inner_loops_and_branches_are_dropped():
    def inner(row):
        return control.scan(lambda c, r: ((c[0] + r, c[1] * r), None), (b, b), row[:, :3])[0]

    def step(state, row):
        kept, dropped = inner(row)
        test = elementwise.less(reduce.sum(kept), 0.0)
        return control.cond(test, lambda: (state, dropped), lambda: (state + kept, kept))[
            0
        ], dropped

    given = graph(INPUTS, [control.scan(step, start, xs)[0]])
    after = remove_dead(given, OPTIONS)
    (outer,) = loops(after)
    (inside,) = loops(outer.attrs["body"])
    branch = next(n for n in outer.attrs["body"].nodes if n.op is control.cond_op)
    assert (len(outer.types), len(inside.types), len(branch.types)) == (1, 1, 1)
    assert_equal(given, after)


def test_while_loops_keep_what_the_condition_reads():
    less = lambda c: elementwise.less(c[0], 3.0)  # noqa: E731
    step = lambda c: (c[0] + 1.0, c[1] + b, c[2] * b)  # noqa: E731
    _, kept, _ = control.while_loop(less, step, (leaf.zeros(()), start, start))
    given = graph(INPUTS, [kept])
    after = remove_dead(given, OPTIONS)
    loop = next(n for n in after.nodes if n.op is control.while_op)
    assert loop.attrs["carries"] == 2
    assert_equal(given, after)


def gated(state, row):
    h, c = state
    gates = matmul.matmul(row, w) + matmul.matmul(h, u) + b
    keep, new = sigmoid(gates), tanh(gates * 2.0)
    cell = keep * c + (1 - keep) * new
    return (keep * tanh(cell), cell), h


def test_training_a_recurrent_layer_has_one_small_product_per_step_and_direction():
    (h, _), _ = control.scan(gated, (start, start), xs)
    loss = reduce.sum(h * h)
    given = graph(INPUTS, [loss, *grad(loss, [w, u, b, start, xs])])
    after, _ = run(given, OPTIONS)
    assert len(loops(after)) == 2
    assert ops_in_loops(after).count("dot_general") == 2
    assert_equal(given, after)
