"""The timed networks: each builds as a graph, and its operations are counted rightly."""

from __future__ import annotations

from math import prod

import pytest

from benchmarks import workloads
from benchmarks.count import counted, flops
from benchmarks.networks import WORKLOADS, Weights
from graphc.debug.count import multiply_adds
from graphc.ir.dim import evaluate, names_of
from graphc.ops import leaf

FORWARD_GFLOP = {"W5": 8.178, "W6": 30.94, "W7": 3.165}  # one image, as model tables state them


def value(size, batch):
    return evaluate(size, dict.fromkeys(names_of(size), batch))


@pytest.mark.parametrize("name", WORKLOADS)
def test_operations_are_those_of_the_graph(name):
    w = WORKLOADS[name]
    x = leaf.placeholder((None, *w.shape), name="x")
    builder = workloads.GraphBuilder(False, seed=None)
    logits = w.network(builder, x)
    counter = counted(w, w.batch)
    assert logits.shape == (x.shape[0], w.classes)
    assert counter.forward == 2 * value(multiply_adds(logits), w.batch)
    assert counter.weights == sum(prod(v.shape) for v in builder.weights)


@pytest.mark.parametrize("name", [n for n, w in WORKLOADS.items() if w.optimizer])
def test_training_graphs_update_all_weights(name):
    inputs, loss, updates = workloads.training_graph(WORKLOADS[name], seed=None)
    assert loss.shape == ()
    assert len(inputs) == 2
    assert len(updates) >= 2 * sum(1 for v in updates if v.name.startswith("weight"))


@pytest.mark.parametrize("name", ["W1", "W3", "W7"])
def test_training_takes_two_more_products_per_product(name):
    w = WORKLOADS[name]
    _, loss, updates = workloads.training_graph(w, seed=None)
    found = 2 * value(multiply_adds([loss, *updates.values()]), w.batch)
    assert flops(w, w.batch, training=True) == pytest.approx(found, rel=0.02)


@pytest.mark.parametrize("name", FORWARD_GFLOP)
def test_operations_of_known_networks(name):
    assert flops(WORKLOADS[name], 1, training=False) / 1e9 == pytest.approx(
        FORWARD_GFLOP[name], rel=1e-3
    )


def test_weights_are_given_again():
    weights = Weights(lambda a: a)
    first = [weights.normal((3, 2)), weights.constant(2, 1.0)]
    weights.restart()
    assert all(a is b for a, b in zip(first, (weights.normal((3, 2)), weights.constant(2, 1.0))))
    assert Weights(lambda a: a).normal((3, 2)).tolist() == first[0].tolist()
