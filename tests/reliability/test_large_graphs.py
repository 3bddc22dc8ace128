"""Graphs of unusual form: long chains, many readers, many inputs. Nothing recurses or explodes.

The ordinary tests take a quarter of the longest chains, more than Python's stack holds.
"""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.ir.graph import graph

A = np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)


def turned(y: gx.Tensor, i: int) -> gx.Tensor:
    return gx.transpose(y) if i % 2 else gx.reshape(y, (2, 8) if y.shape == (4, 4) else (4, 4))


# fmt: off
LINKS = {  # how many times, and what
    "sin":      (20_000, lambda y, i: gx.sin(y)),
    "add":      (20_000, lambda y, i: y + float(i % 3)),
    "cheap":    (20_000, lambda y, i: gx.abs(y) - float(i % 5)),
    "turned":   (20_000, turned),
    "padded":   (5_000,  lambda y, i: gx.pad(y, ((0, 1), (0, 0)))[1:]),
    "rolled":   (2_000,  lambda y, i: gx.flip(gx.roll(y, 1, 0), 0)),
    "gathered": (500,    lambda y, i: gx.take(y, [1, 0, 2, 3], axis=0)),
    "softmax":  (500,    lambda y, i: gx.nn.softmax(y)),
    "centred":  (500,    lambda y, i: gx.sin(y) - gx.mean(y, axis=0, keepdims=True)),
    "product":  (300,    lambda y, i: gx.tanh(y @ y)),
    "branch":   (100,    lambda y, i: gx.cond(y[0, 0] > 0, lambda a: a / 2, lambda a: a + 1, y)),
    "loop":     (100,    lambda y, i: gx.scan(lambda c, r: (c + r, r), y[0], y)[1] + float(i)),
}
# fmt: on
SHARES = [8, pytest.param(1, marks=pytest.mark.slow)]


def links(name, share):
    count, link = LINKS[name]
    return count // share if count > 4000 else count, link


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", LINKS)
def test_a_long_chain_is_built_printed_read_and_run(name, share):
    count, link = links(name, share)
    x = gx.placeholder((4, 4), name="x")
    y = x
    for i in range(count):
        y = link(y, i)
    whole = graph([x], [y])
    text = gx.show(whole)
    assert gx.parse(text) is whole
    assert repr(y).startswith("Tensor(")
    assert gx.formula(y)
    f = gx.function(x, y)
    meaning = gx.function(x, y, target="reference")
    np.testing.assert_allclose(f(A), meaning(A), rtol=1e-4, atol=1e-4)
    assert f.explain()


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", ["sin", "turned", "softmax", "rolled"])
def test_a_long_chain_is_differentiated(name, share):
    count, link = links(name, share)
    x = gx.placeholder((4, 4), name="x")
    y = x
    for i in range(count):
        y = link(y, i)
    dx = gx.grad(gx.sum(y * A.reshape(y.shape)), x)
    f, meaning = gx.function(x, dx), gx.function(x, dx, target="reference")
    np.testing.assert_allclose(f(A), meaning(A), rtol=1e-3, atol=1e-5)


def test_a_deep_stack_of_the_caller_is_no_hindrance():
    x = gx.placeholder((4, 4), name="x")
    y = x
    for i in range(300):
        y = turned(gx.roll(y, 1, 0), i)

    def below(depth: int) -> np.ndarray:
        return below(depth - 1) if depth else gx.function(x, y)(A)

    np.testing.assert_array_equal(below(300), gx.function(x, y, target="reference")(A))


def test_one_tensor_that_is_used_5000_times():
    x = gx.placeholder((4, 4), name="x")
    total = x
    for i in range(5000):
        total = total + x * (1 + i / 1000)
    f = gx.function(x, [total, gx.grad(gx.sum(total), x)])
    y, dx = f(A)
    slope = 1 + sum(1 + i / 1000 for i in range(5000))
    np.testing.assert_allclose(y, A * slope, rtol=1e-4)
    np.testing.assert_allclose(dx, np.full_like(A, slope), rtol=1e-4)


def test_500_inputs_and_500_outputs():
    xs = [gx.placeholder((4, 4), name=f"x{i}") for i in range(500)]
    f = gx.function(xs, {"sum": sum(xs[1:], xs[0]), "all": [x + 1 for x in xs]})
    results = f(*(A * i for i in range(500)))
    np.testing.assert_allclose(results["sum"], A * (499 * 250), rtol=1e-4)
    for i, y in enumerate(results["all"]):
        np.testing.assert_array_equal(y, A * i + 1)


def test_500_parts_are_joined():
    xs = [gx.placeholder((i % 3, 4), name=f"x{i}") for i in range(500)]
    values = [A[: i % 3] * i for i in range(500)]
    f = gx.function(xs, gx.concat(xs, 0))
    np.testing.assert_array_equal(f(*values), np.concatenate(values))


def test_500_variables():
    ws = [gx.variable(A * i, name=f"w{i}") for i in range(500)]
    f = gx.function([], sum(ws[1:], ws[0]), updates={w: w * 2 for w in ws})
    np.testing.assert_allclose(f(), A * (499 * 250), rtol=1e-4)
    np.testing.assert_allclose(f(), A * (499 * 500), rtol=1e-4)
    np.testing.assert_array_equal(ws[3].numpy(), A * 12)
