"""Recomputation under a memory budget: fewer bytes, the same results."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.compiler import Function, function
from graphc.diff.reverse import grad
from graphc.errors import ArgumentError
from graphc.ir.laws import verify
from graphc.ops import control, elementwise, leaf, nn, random, reduce
from graphc.ops.variable import variable
from graphc.schedule.recompute import EFFORTS, recompute

rng = np.random.default_rng(0)


def weight(*shape):
    return variable(rng.normal(0, 0.3, shape), "float32", name="w")


def chain(x, weights):
    """Convolutions, each normalised."""
    for w in weights:
        x = nn.relu(nn.batch_norm(nn.conv2d(x, w, padding="same"))[0])
    return x


def residual(x, weights):
    for a, b in zip(weights[::2], weights[1::2]):
        x = nn.relu(
            x + nn.conv2d(elementwise.tanh(nn.conv2d(x, a, padding="same")), b, padding="same")
        )
    return x


def dropped(x, weights):
    for i, w in enumerate(weights):
        x = nn.dropout(elementwise.exp(elementwise.sin(nn.conv2d(x, w))), 0.3, random.key(i))
    return x


def looped(x, weights):
    """The steps of a loop are not done again; what it reads is."""
    y = dropped(x, weights[:3])
    return control.scan(lambda c, row: (c + row, elementwise.tanh(c * row)), y[0] * 0, y)[1]


NETWORKS = {"chain": chain, "residual": residual, "dropout": dropped, "loop": looped}


# The loop's network has too few products on a way for longer periods.
CASES = [(n, e) for n in NETWORKS for e in EFFORTS if n != "loop" or e.period < 3]


def training(name, batch=None, **options) -> Function:
    x = leaf.placeholder((batch, 16, 16, 8), name="x")
    weights = [weight(3, 3, 8, 8) for _ in range(6)]
    loss = reduce.mean(elementwise.square(NETWORKS[name](x, weights)))
    updates = {w: w - 0.1 * g for w, g in zip(weights, grad(loss, weights)) if g is not None}
    return function(x, loss, updates=updates, fast_math=True, **options)


def trained(f, batch=3):
    """Losses of two steps and the weights after them, from equal weights."""
    start = np.random.default_rng(1)
    for v in f.program.variables:
        v.assign(start.normal(0, 0.3, v.storage.shape))
    x = start.normal(0, 1, (batch, 16, 16, 8)).astype(np.float32)
    losses = [f(x), f(x)]
    return [*losses, *(v.numpy() for v in f.program.variables)]


@pytest.mark.parametrize("target", ["llvm_cpu", "reference"])
@pytest.mark.parametrize(("name", "effort"), CASES)
def test_what_is_computed_again_is_the_same(name, effort, target, monkeypatch):
    monkeypatch.setattr("graphc.schedule.budget.EFFORTS", [effort])
    monkeypatch.setattr("graphc.schedule.budget._bytes", lambda p, g: 1 if g is not p.graph else 2)
    plain = training(name, target=target)
    again = training(name, target=target, memory_budget=0.5)
    assert any(n.op is control.after_op for n in again.program.graph.nodes)
    verify(again.program.graph)
    for got, right in zip(trained(again), trained(plain), strict=True):
        np.testing.assert_allclose(got, right, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("share", [0.9, 0.7])
@pytest.mark.parametrize("name", ["chain", "residual", "dropout"])
def test_less_memory_is_used(name, share):
    plain, small = training(name), training(name, memory_budget=share)
    sizes = [{str(f.program.inputs[0].shape[0]): 64} for f in (plain, small)]
    most, least = (f.executable.needs(s).intermediate for f, s in zip((plain, small), sizes))
    assert least <= share * most * 1.05  # scratch of kernels is not in the estimate


def test_bytes_are_a_budget_where_sizes_are_known():
    plain = training("chain", batch=8)
    bytes_now = plain.executable.needs({}).intermediate
    small = training("chain", batch=8, memory_budget=int(0.8 * bytes_now))
    assert small.executable.needs({}).intermediate <= 0.85 * bytes_now


def test_a_budget_that_is_kept_changes_nothing():
    f = training("chain", memory_budget=1.0)
    assert not any(n.op is control.after_op for n in f.program.graph.nodes)


def test_without_a_backward_pass_nothing_is_done_again():
    x = leaf.placeholder((None, 16, 16, 8), name="x")
    given = function(x, chain(x, [weight(3, 3, 8, 8)] * 2)).program.graph
    assert recompute(given, EFFORTS[-1]) is given


@pytest.mark.parametrize(
    ("budget", "problem"),
    [
        (0, "whole number of bytes"),
        (1.5, "whole number of bytes"),
        (True, "whole number of bytes"),
        (-0.5, "whole number of bytes"),
        (10**6, "sizes that are not known"),
        (0.01, "does not fit its memory budget"),
    ],
)
def test_budgets_that_cannot_be(budget, problem):
    with pytest.raises(ArgumentError, match=problem):
        training("chain", memory_budget=budget)
