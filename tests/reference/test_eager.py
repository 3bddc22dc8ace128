"""Eager mode on the reference backend."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backends.reference.evaluate import evaluate_node
from graphc.errors import ModeError, OutOfRangeError
from graphc.ir.mode import evaluating_with, is_eager
from graphc.ops import control, elementwise, index, leaf, nn
from graphc.target import backend


@pytest.fixture
def computed():
    """Eager mode; the labels of the nodes that were computed."""
    labels = []

    def run(node, inputs):
        labels.append(node.op.name)
        return backend("reference").evaluate_node(inputs, node)

    with evaluating_with(run):
        yield labels


def test_the_sum_of_the_course(computed):
    c = leaf.constant([1, 2, 4]) + leaf.constant([0, 0, 0])
    assert repr(c) == "Tensor([1 2 4], shape=(3,), dtype=int32)"
    d = leaf.constant([1, 2]) + leaf.constant([0, 2])
    assert repr(d) == "Tensor([1 4], shape=(2,), dtype=int32)"
    assert d.numpy().tolist() == [1, 4]


def test_without_eager_mode_nothing_has_a_value():
    c = leaf.constant([1, 2]) + leaf.constant([0, 20])
    assert not is_eager()
    assert "add" in repr(c)
    with pytest.raises(ModeError, match="has no value"):
        c.numpy()


def test_a_node_is_computed_once(computed):
    x = leaf.eager_leaf(np.float32([0.25, 0.5]))
    first = elementwise.exp(x)
    again = elementwise.exp(x)
    assert again is first
    assert computed == ["exp"]
    assert first.numpy().tolist() == np.exp(np.float32([0.25, 0.5])).tolist()


def test_arrays_enter_with_an_identity_of_their_own(computed):
    array = np.float32([1, 2])
    a, b = array * leaf.full((2,), 3.0), array * leaf.full((2,), 3.0)
    assert a is not b
    assert a.numpy().tolist() == b.numpy().tolist() == [3, 6]


def test_values_decide_branches_of_python(computed):
    x = leaf.constant(3)
    while x < 100:
        x = x * x
    assert int(x) == 6561
    assert float(x) == 6561.0


def test_below_a_placeholder_nothing_is_computed(computed):
    y = elementwise.sin(leaf.placeholder((3,), name="later"))
    assert y.concrete() is None
    assert computed == []


def test_loops_are_computed_as_one_node(computed):
    total, rows = control.scan(lambda c, x: (c + x, c * x), leaf.constant(0.0), leaf.ones((5,)))
    assert computed.count("scan") == 1
    assert "add" not in computed
    assert total.numpy() == 5
    assert rows.numpy().tolist() == [0, 1, 2, 3, 4]


def test_layers_compute(computed):
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    y = nn.max_pool(nn.relu(nn.conv2d(x, leaf.ones((3, 3, 3, 4)))), 2)
    assert y.numpy().shape == (2, 3, 3, 4)
    values, places = index.top_k(y[0, 0, 0], 2)
    assert values.numpy()[0] == y.numpy()[0, 0, 0].max()
    assert places.numpy()[0] == 0


def test_errors_are_raised_at_the_line(computed):
    x = leaf.constant([1, 2])
    with pytest.raises(OutOfRangeError, match="read too far"):
        index.take(x, [2])  # read too far


def test_sizes_are_known_in_eager_mode():
    node = leaf.full((2, 2), 7).node
    assert evaluate_node(node, [], {})[0].tolist() == [[7, 7], [7, 7]]
