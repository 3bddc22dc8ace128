"""Evaluation of graphs: feeds, sizes, variables, dtypes, depth, errors."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.backends.reference.backend import ReferenceBackend
from graphc.backends.reference.elementwise import MEANING
from graphc.backends.reference.evaluate import EVALUATE, evaluate
from graphc.compiler import function
from graphc.errors import FeedError, FeedTypeError
from graphc.ops import FAMILIES, control, convert, elementwise, leaf, matmul, reduce
from graphc.ops.variable import variable


def test_every_primitive_has_a_meaning():
    wanted = [o for family in FAMILIES.values() for o in family]
    assert [o.name for o in wanted if o not in EVALUATE] == []
    assert len(EVALUATE) == len(wanted)


def test_kernels_know_the_elementwise_ops_by_name():
    assert {o.name for o in FAMILIES["elementwise"]} <= set(MEANING)
    x = np.float32([1.0009765625, 1 / 3])
    assert MEANING["round_bfloat16"](x).tolist() == [1, 0.333984375]
    assert MEANING["round_float16"](x).tolist() == [1.0009765625, 0.333251953125]
    words = [np.uint32(w) for w in (0x13198A2E, 0x03707344, 0x243F6A88, 0x85A308D3)]
    assert MEANING["random_bits"](*words) == 0xC4923A9C


X = leaf.placeholder(("batch", 3), name="x")


def test_feeds_are_checked():
    y = X + 1
    assert evaluate([y], {X: [[1, 2, 3]]})[0].tolist() == [[2, 3, 4]]
    with pytest.raises(FeedError, match="the input x has no value"):
        evaluate([y], {})
    with pytest.raises(FeedError, match="the input x has 2 axes"):
        evaluate([y], {X: [1, 2, 3]})
    with pytest.raises(FeedError, match="axis 1 of the input x"):
        evaluate([y], {X: [[1, 2]]})
    with pytest.raises(FeedTypeError, match="the input x takes an array of numbers"):
        evaluate([y], {X: [["a", "b", "c"]]})


def test_sizes_may_be_given():
    ones = leaf.full((X.shape[0],), 1)
    assert evaluate([ones], sizes={"batch": 4})[0].tolist() == [1] * 4
    with pytest.raises(FeedError, match="the size batch of the inputs is another"):
        evaluate([ones], {X: np.zeros((2, 3))}, {"batch": 4})


def test_any_node_may_be_fed():
    y = X * 2
    z = y + 1
    assert evaluate([z], {y: np.zeros((2, 3))})[0].tolist() == [[1] * 3] * 2


@pytest.mark.parametrize("dtype", [d for d in dtypes.ALL if d.kind != "b"], ids=str)
def test_results_have_the_inferred_dtype(dtype):
    x = leaf.ones((2, 2), dtype)
    outputs = [x + 1, x * x, matmul.matmul(x, x), reduce.max(x, 0), reduce.cumsum(x), reduce.sum(x)]
    for found, tensor in zip(evaluate(outputs), outputs):
        assert (found.dtype, found.shape) == (tensor.dtype.numpy, tensor.shape)


def test_half_precision_is_rounded_after_each_node():
    x = leaf.constant([1.0], "bfloat16")
    third = evaluate([x / 3 * 3])[0]
    by_hand = np.float32(np.float32(1 / 3).astype(dtypes.bfloat16.numpy)) * 3
    assert third.astype(np.float32) == by_hand.astype(dtypes.bfloat16.numpy).astype(np.float32)


def test_long_graphs_need_no_stack_and_little_memory():
    x = leaf.placeholder((200_000,), name="long")
    y = x
    for _ in range(3000):  # all values together would be 2.4 GB
        y = elementwise.sin(y)
    assert evaluate([y], {x: np.zeros(200_000)})[0].max() == 0


def test_an_output_may_be_an_input_or_twice_the_same():
    y = X + 1
    found = evaluate([X, y, y], {X: np.zeros((1, 3))})
    assert [f.tolist() for f in found] == [[[0] * 3], [[1] * 3], [[1] * 3]]


def test_nothing_warns():
    bad = leaf.constant([0.0, -1.0])
    found = evaluate([elementwise.log(bad), 1 / bad, convert.cast(1 / bad, "int32")])
    assert np.isneginf(found[0][0])
    assert np.isinf(found[1][0])
    assert found[2][0] == 2**31 - 1


def test_variables_change_after_all_is_computed():
    a, b = variable([1.0, 2.0], name="swap_a"), variable([3.0, 4.0], name="swap_b")
    swap = function([], [a, a.reshape((2, 1)), a + b], updates={a: b, b: a}, target="reference")
    first, column, total = swap()
    assert (a.numpy().tolist(), b.numpy().tolist()) == ([3, 4], [1, 2])
    assert (first.tolist(), column.tolist(), total.tolist()) == ([1, 2], [[1], [2]], [4, 6])
    assert evaluate([a * 2])[0].tolist() == [6, 8]


def test_a_program_says_what_it_runs():
    f = function(X, (X * 2).sum(), target="reference", name="doubled")
    text = f.explain()
    assert "doubled on reference" in text
    assert "test_evaluate.py" in text
    assert f(np.ones((5, 3))) == 30
    assert ReferenceBackend.name == "reference"


def test_regions_see_the_sizes_around_them():
    total, _ = control.scan(
        lambda c, row: (c + leaf.iota(row.shape, 0, "float32") * row, ()), leaf.zeros((3,)), X
    )
    assert evaluate([total], {X: np.ones((4, 3))})[0].tolist() == [0, 4, 8]
