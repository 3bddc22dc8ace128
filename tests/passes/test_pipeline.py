"""Passes keep the meaning of random graphs, alone and together, and what a graph remembers."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from random_graphs import BATCH, feeds_for, random_graph

from graphc.backends.reference.evaluate import evaluate, evaluate_node
from graphc.errors import UnknownNameError, VerifyError
from graphc.ir.graph import graph
from graphc.ir.laws import verify
from graphc.ir.printer import regions_of
from graphc.knobs import settings
from graphc.ops import elementwise, leaf, matmul
from graphc.passes import pipeline
from graphc.passes.options import Options
from graphc.passes.pipeline import PIPELINE, run
from graphc.provenance import building_for

OPTIONS = Options(evaluate=lambda node, values: evaluate_node(node, values, {}), inference=True)
FAST = Options(evaluate=OPTIONS.evaluate, fast_math=True, inference=True)
PASSES = sorted(set(PIPELINE), key=lambda p: p.__name__)


def assert_same_numbers(before, after, seed):
    feeds = feeds_for(before, seed)
    assert after.inputs == before.inputs or len(after.inputs) == len(before.inputs)
    first = evaluate(before.outputs, feeds, {"n": BATCH})
    second = evaluate(after.outputs, feeds, {"n": BATCH})
    for x, y in zip(first, second, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("step", PASSES, ids=lambda p: p.__name__)
def test_each_pass_keeps_the_meaning(step):
    for seed in range(40):
        g = random_graph(seed, steps=15)
        assert_same_numbers(g, verify(step(g, FAST)), seed)


@pytest.mark.parametrize("seed", range(60))
def test_all_passes_keep_the_meaning(seed):
    g = random_graph(seed, steps=20)
    with settings(check=2):
        after, _ = run(g, FAST if seed % 2 else OPTIONS)
    assert_same_numbers(g, after, seed)


@pytest.mark.parametrize("seed", range(60))
def test_a_second_run_changes_nothing(seed):
    once, _ = run(random_graph(seed, steps=20), OPTIONS)
    twice, reports = run(once, OPTIONS)
    assert twice is once, [str(r) for r in reports if r.changed]


@pytest.mark.parametrize("seed", range(20))
def test_leaves_and_sources_stay(seed):
    g = random_graph(seed)
    after, _ = run(g, OPTIONS)
    assert all(a is b for a, b in zip(g.inputs, after.inputs, strict=True))
    # Nodes that other tests keep alive have the source of their first user.
    files = {os.path.basename(n.source.file) for n in all_nodes(after)}
    assert "random_graphs.py" in files
    assert files.isdisjoint({"test_pipeline.py", "<unknown>"})


def all_nodes(given):
    for node in given.nodes:
        yield node
        for region in regions_of(node):
            yield from all_nodes(region)


def test_what_a_rule_builds_has_the_source_and_role_of_what_it_replaces():
    x = leaf.placeholder((7,), name="sourced")
    y = elementwise.exp(x)
    source = y.node.source
    with building_for(source, "backward"):
        given = elementwise.log(1 + y)
    after, _ = run(graph([x], [given]), Options())
    new = [n.source for n in after.nodes if n.op.name in ("maximum", "log1p")]
    assert [(s.line, s.role) for s in new] == [(source.line, "backward")] * 2


def test_disabled_passes_do_not_run():
    x = leaf.placeholder((), name="x")
    g = graph([x], [x * 1])
    after, reports = run(g, Options(), disabled=("simplify", "contract_fma"))
    assert after is g
    assert {"simplify", "contract_fma"}.isdisjoint(r.name for r in reports)
    with pytest.raises(UnknownNameError, match="no pass of that name"):
        run(g, Options(), disabled=("simplfy",))


def test_reports_name_rules_and_counts():
    x = leaf.placeholder((), name="x")
    _, reports = run(graph([x], [x * 1, elementwise.exp(x) * 1]), Options())
    report = next(r for r in reports if r.name == "simplify")
    assert report.rules == (("x * 1 = x", 2),)
    assert str(report).startswith("simplify: 5 -> 2 nodes, ")


def _wrong(given, options):
    """x -> x + 1."""
    return graph(given.inputs, [t + 1 for t in given.outputs])


def _unlawful(given, options):
    """x -> the sum of x and an input that is no leaf."""
    return graph([*given.inputs, elementwise.exp(given.inputs[0])], given.outputs)


@pytest.mark.parametrize(
    ("broken", "level", "sentence"),
    [(_wrong, 3, "_wrong changes the numbers"), (_unlawful, 2, "is a leaf")],
)
def test_a_pass_that_breaks_a_graph_is_caught(monkeypatch, broken, level, sentence):
    x = leaf.placeholder((4,), name="x")
    monkeypatch.setattr(pipeline, "PIPELINE", (broken,))
    with settings(check=level), pytest.raises(VerifyError, match=sentence):
        run(graph([x], [elementwise.sin(x)]), OPTIONS)


def test_numbers_of_all_passes_are_compared_at_level_3():
    for seed in range(10):
        with settings(check=3):
            run(random_graph(seed), OPTIONS)


def test_five_thousand_nodes_take_no_square_of_their_number():
    x = y = leaf.placeholder(("n", 8), name="x")
    for i in range(625):
        w = leaf.placeholder((8, 8), name=f"w{i}")
        b = leaf.placeholder((8,), name=f"b{i}")
        y = elementwise.tanh(matmul.matmul(y, w) * 1 + b) * 0.5 - x
    g = graph([n.output() for n in graph([], [y]).nodes if n.op.name == "placeholder"], [y])
    assert len(g.nodes) > 5000
    times = []
    for _ in range(3):
        start = time.process_time()
        run(g, OPTIONS)
        times.append(time.process_time() - start)
    # Five times as slow as it is on a slow machine: that is what a square of the nodes would cost.
    assert min(times) < 4.0
