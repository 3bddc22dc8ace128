"""Updates of variables from each other's old values: swaps, transposes, sums, shared scalars."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.compiler import function
from graphc.ops import elementwise, leaf, movement, reduce
from graphc.ops.matmul import matmul
from graphc.ops.variable import variable

SHAPES = ((), (1,), (3,), (5, 5), (5, 5), (7, 3), (17,), (40, 33), (2, 3, 4))


def random_updates(seed: int):
    """Variables, an input, and new values for some of the variables."""
    rng = np.random.default_rng(seed)
    picked = [SHAPES[i] for i in rng.integers(0, len(SHAPES), int(rng.integers(2, 7)))]
    variables = [
        variable(rng.uniform(-1, 1, s).astype(np.float32), name=f"v{i}")
        for i, s in enumerate(picked)
    ]
    x = leaf.placeholder((None,), name="x")
    shared = elementwise.add(reduce.mean(x), 0.5)
    chosen = [v for v in variables if rng.random() < 0.8] or variables[:1]
    return variables, x, {v: new_value(v, variables, shared, rng) for v in chosen}


def new_value(v, variables, shared, rng):
    total = elementwise.mul(v, 0.5) if rng.random() < 0.6 else leaf.zeros(v.shape)
    for other in rng.permutation(len(variables))[: int(rng.integers(1, 4))]:
        total = elementwise.add(total, fitted(variables[int(other)], v, rng))
    total = elementwise.tanh(total)  # three calls shall not blow up differences of rounding
    return elementwise.mul(total, shared) if rng.random() < 0.5 else total


def fitted(other, v, rng):
    """Something of v's shape that reads another variable (or v itself) in some order."""
    if other.shape == v.shape:
        if v.ndim == 2 and v.shape[0] == v.shape[1]:
            return [movement.transpose(other), matmul(other, v), other][int(rng.integers(3))]
        ways = [other, movement.flip(other), elementwise.sub(other, reduce.mean(other))]
        return ways[int(rng.integers(3))]
    if rng.random() < 0.5:
        return elementwise.add(leaf.zeros(v.shape), reduce.sum(elementwise.square(other)))
    flat = movement.flatten(movement.reshape(other, (-1,)))
    return elementwise.add(leaf.zeros(v.shape), flat[int(rng.integers(flat.shape[0]))])


@pytest.mark.parametrize("disable", [(), ("fuse",), ("in_place",)])
@pytest.mark.parametrize("seed", range(60))
def test_new_values_come_from_old_ones(seed, disable):
    variables, x, updates = random_updates(seed)
    start = [v.numpy() for v in variables]
    data = np.linspace(-1, 1, 9, dtype=np.float32)
    found = []
    for target in ("reference", "llvm_cpu"):
        for v, value in zip(variables, start):
            v.assign(value)
        f = function(x, reduce.sum(x), updates=updates, target=target, disable=disable)
        for _ in range(3):
            f(data)
        found.append([v.numpy() for v in variables])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


def test_a_swap_takes_both_old_values():
    a, b = variable([1.0, 2.0], name="a"), variable([3.0, 4.0], name="b")
    function([], (), updates={a: b, b: a}, target="llvm_cpu")()
    assert (a.numpy().tolist(), b.numpy().tolist()) == ([3.0, 4.0], [1.0, 2.0])


@pytest.mark.parametrize("length", [1, 3, 16, 1000])
@pytest.mark.parametrize("many", [True, False])
def test_a_count_increases_after_everything_has_read_it(length, many):
    """A step that is part of a sum, a step over an array, and the count that both read."""
    found = []
    for target in ("reference", "llvm_cpu"):
        count = variable(np.int32(4), name="count")
        weight, other = (variable(np.zeros(s, np.float32), name="w") for s in ((), (7,)))
        x = leaf.placeholder((length,), name="x")
        number = elementwise.mul(count + 1, 1.0)
        new = {weight: weight - reduce.sum(x) - number, count: count + 1}
        new |= {other: other - number} if many else {}
        run = function(x, reduce.sum(x), updates=new, target=target)
        results = [run(np.ones(length, np.float32)) for _ in range(3)]
        found.append(np.concatenate([[*results, count.numpy(), weight.numpy()], other.numpy()]))
    assert found[0].tolist() == [length] * 3 + [7, -3 * length - 18] + [-18 * many] * 7
    assert found[1].tolist() == found[0].tolist()
