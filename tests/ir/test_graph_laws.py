"""Each law of the graph: random graphs keep all of them, a graph that breaks one is named."""

from __future__ import annotations

import numpy as np
import pytest
from random_graphs import random_graph

from graphc import dtypes
from graphc.errors import VerifyError
from graphc.ir.graph import graph
from graphc.ir.laws import LAWS, verify
from graphc.ir.mode import build
from graphc.ir.node import TensorType, apply
from graphc.ops import control, elementwise, leaf, movement

x = leaf.placeholder((2, 3), name="x")
row = TensorType((3,), dtypes.float32)
carry, item, other = (leaf.parameter(0, i, row) for i in range(3))


def scan(body, *inputs):
    return build(control.scan_op, inputs, {
        "body": body, "carries": 1, "scanned": 1, "length": 2, "reverse": False,
    })[0]  # fmt: skip


def with_types(tensor, *types):
    """A node that lies about its types; kept apart from the interned ones by an attribute."""
    node = apply(leaf.full_op, (), {"value": 0.125, "shape": (77,), "dtype": tensor.dtype})
    node.types = types
    return node.output()


zeros = leaf.zeros((3,))
BROKEN = {
    "inputs_are_leaves": lambda: graph([elementwise.exp(x)], []),
    "inputs_are_listed_once": lambda: graph([x, x], [x]),
    "names_mean_one_leaf": lambda: graph([], [x, leaf.placeholder((5,), name="x")]),
    "attributes_are_values": lambda: graph(
        [], apply(leaf.full_op, (), {"value": np.float64(1), "shape": (), "dtype": x.dtype}).outputs
    ),
    "sizes_are_not_negative": lambda: graph(
        [],
        build(
            movement.pad_op,
            (x,),
            {"low": (-4, 0), "high": (0, 0), "interior": (0, 0), "value": 0.0},
        ),
    ),
    "types_follow_from_inputs": lambda: graph([], [with_types(x, TensorType((8,), x.dtype))]),
    "regions_take_what_they_are_given": lambda: graph(
        [x], [scan(graph([carry, item, other], [carry]), zeros, x)]
    ),
    "regions_return_what_is_carried": lambda: graph(
        [x], [scan(graph([carry, item], [movement.expand_dims(item, 0)]), zeros, x)]
    ),
    "regions_are_closed": lambda: graph(
        [x], [scan(graph([carry, item], [elementwise.add(carry, other)]), zeros, x)]
    ),
}


@pytest.mark.parametrize("law", BROKEN)
def test_a_broken_law_is_named(law):
    import graphc.ir.laws as laws

    sentence = " ".join(getattr(laws, law).__doc__.split())
    with pytest.raises(VerifyError) as caught:
        verify(BROKEN[law]())
    assert caught.value.problem == sentence


def test_every_law_has_a_broken_graph():
    assert {law.__name__ for law in LAWS} <= BROKEN.keys()


@pytest.mark.parametrize("seed", range(60))
def test_graphs_that_ops_build_are_lawful(seed):
    g = random_graph(seed)
    assert verify(g) is g
