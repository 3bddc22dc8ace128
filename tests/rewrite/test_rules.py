"""Every rule of every table against numbers; a new rule needs no new test."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backends.reference.evaluate import evaluate
from graphc.ir.graph import topological
from graphc.rewrite.algebra import ALGEBRA
from graphc.rewrite.movement import MOVEMENT
from graphc.rewrite.reduction import REDUCTION
from graphc.rewrite.stabilize import STABILIZE
from graphc.rewrite.statistics import CENTRES, FACTORS

TABLES = {
    "algebra": ALGEBRA,
    "stabilize": STABILIZE,
    "statistics": (*FACTORS, *CENTRES),
    "movement": MOVEMENT,
    "reduction": REDUCTION,
}
RULES = [pytest.param(r, id=f"{name}: {r.equation}") for name, t in TABLES.items() for r in t]
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, 1e308, -2.5, 3.0, 1e-3])


def feeds_for(tensor, special, over, seed=0):
    """Values for the placeholders under a tensor: random ones, or all that floats can be."""
    rng = np.random.default_rng(seed)
    feeds = {}
    for node in topological([tensor]):
        if node.op.name in ("placeholder", "variable"):
            leaf = node.output()
            feeds[leaf] = _values(leaf, rng, special, over)
    return feeds


def _values(leaf, rng, special, over):
    count = int(np.prod(leaf.shape, dtype=int))
    if leaf.dtype.kind == "b":
        flat = rng.integers(0, 2, count)
    elif leaf.dtype.is_integer:
        info = np.iinfo(leaf.dtype.numpy)
        flat = rng.integers(max(info.min, -9), min(info.max, 9), count)
        flat[: count // 3] = rng.choice([info.min, info.max, 0, 1], count // 3)
    elif special:
        flat = rng.choice(SPECIAL, count)
    else:
        flat = rng.uniform(*over, count)
    with np.errstate(over="ignore"):
        return flat.astype(leaf.dtype.numpy).reshape(leaf.shape)


def right_side(rule, left):
    """What the rule makes of its own left side; the law that matched must be this rule's."""
    found = [t for h in rule.heads if h.op is left.node.op if (t := h.apply(left.node)) is not None]
    assert found, "the rule does not match its own left side"
    return found[0]


@pytest.mark.parametrize("rule", RULES)
def test_both_sides_are_equal(rule):
    examples = list(rule.examples())
    assert examples, "a rule has examples"
    for left in examples:
        right = right_side(rule, left)
        assert right.type == left.type
        is_float = any(t.dtype.is_float for t in feeds_for(left, False, rule.over))
        special = is_float and rule.holds == "exact"
        for seed in range(6):
            feeds = feeds_for(left, special and seed % 2 == 0, rule.over, seed)
            before, after = evaluate([left, right], feeds)
            if is_float and rule.holds == "real":
                tolerance = 64 * np.finfo(before.dtype).eps if before.dtype.kind == "f" else 0
                np.testing.assert_allclose(before, after, rtol=tolerance, atol=tolerance)
            else:
                np.testing.assert_array_equal(before, after)


def test_equations_are_unique():
    equations = [p.values[0].equation for p in RULES]
    assert len(set(equations)) == len(equations)
