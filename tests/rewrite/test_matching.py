"""What a rule matches: any shape and dtype of its kinds, commutative ops both ways, numbers."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.ir.graph import graph
from graphc.ops import leaf
from graphc.ops.elementwise import exp, log, maximum, sin
from graphc.rewrite.engine import ALL, EXACT, Table, rewritten
from graphc.rewrite.rule import fits, law, rule


def run(rules, tensor, allowed=ALL):
    fired = []
    table = Table((rules, allowed))
    result = rewritten(graph([], [tensor]), table, lambda r, node: fired.append(r.equation))
    return result.outputs[0], fired


LOG_EXP = rule("log(exp(x)) = x", lambda x: (log(exp(x)), x), "real")
DOUBLE = rule("x + x = 2*x", lambda x: (x + x, 2 * x), kinds="iuf")
GATHER = rule("(x * a) * b = x * (a*b)", lambda x, a, b: ((x * a) * b, x * (a * b)), "real")


@pytest.mark.parametrize("shape", [(), (3,), ("n", 4), (0, 2)])
@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float64, dtypes.bfloat16])
def test_any_shape_and_dtype(shape, dtype):
    x = leaf.placeholder(shape, dtype)
    assert run([LOG_EXP], log(exp(x)))[0] is x


def test_kinds_are_respected():
    only_floats = rule("x + 0 = x", lambda x: (x + 0, x))
    i, f = leaf.placeholder((), "int32"), leaf.placeholder(())
    assert run([only_floats], f + 0)[0] is f
    assert run([only_floats], i + 0)[0] is not i


@pytest.mark.parametrize("dtype", ["int8", "uint16", "float16"])
def test_numbers_take_dtype_and_shape_of_what_they_meet(dtype):
    x = leaf.placeholder((2, "n"), dtype)
    assert run([DOUBLE], x + x)[0] is 2 * x


def test_commutative_ops_match_in_both_orders():
    x, y = leaf.placeholder((3,), name="x"), leaf.placeholder((3,), name="y")
    absorb = rule("max(max(x, y), y) = max(x, y)", lambda x, y:
                  (maximum(maximum(x, y), y), maximum(x, y)))  # fmt: skip
    for inner in (maximum(x, y), maximum(y, x)):
        for outer in (maximum(inner, y), maximum(y, inner), maximum(inner, x), maximum(x, inner)):
            assert run([absorb], outer)[0].node.inputs[0] in {x, y}


def test_a_variable_that_stands_twice_is_one_tensor():
    x, y = leaf.placeholder((3,), name="x"), leaf.placeholder((3,), name="y")
    assert run([DOUBLE], x + y)[1] == []


def test_number_variables_are_numbers():
    x = leaf.placeholder((3,), name="x")
    assert run([GATHER], x * 2 * 3)[0] is x * 6
    assert run([GATHER], 3 * (2 * x))[0] is x * 6
    assert run([GATHER], x * x * 3)[1] == []


def test_conditions_are_asked():
    positive = rule("a * x = x", lambda x, a: (a * x, x), when=lambda x, a: a > 0)
    x = leaf.placeholder((3,), name="x")
    assert run([positive], 2 * x)[0] is x
    assert run([positive], -2 * x)[0] is not x


def test_floats_take_only_what_holds_far_enough():
    i, f = leaf.placeholder((3,), "int32", name="i"), leaf.placeholder((3,), name="f")
    zero = rule("x - x = 0", lambda x: (x - x, 0), "finite", kinds="if")
    assert run([zero], f - f, EXACT)[1] == []
    assert run([zero], i - i, EXACT)[1] == ["x - x = 0"]
    assert run([zero], f - f, ALL)[1] == ["x - x = 0"]


def test_what_rules_build_is_rewritten_in_turn():
    x = leaf.placeholder((3,), name="x")
    assert run([LOG_EXP, DOUBLE], log(exp(x)) + log(exp(log(exp(x)))))[0] is 2 * x


def test_rules_that_undo_each_other_end():
    there = rule("sin(x) = exp(x)", lambda x: (sin(x), exp(x)))
    back = rule("exp(x) = sin(x)", lambda x: (exp(x), sin(x)))
    grow = rule("log(x) = log(log(x))", lambda x: (log(x), log(log(x))))
    x = leaf.placeholder((3,), name="x")
    for start in (sin(x), exp(x), log(x)):
        _, fired = run([there, back, grow], start)
        assert 0 < len(fired) < 200


def test_a_rule_never_changes_a_type():
    x = leaf.placeholder((3,), name="x")
    wrong = law("exp(x) = 0", exp_op := exp, lambda node: leaf.zeros(()))
    assert run([wrong], exp_op(x))[1] == []


def test_deep_graphs_are_no_problem():
    y = leaf.placeholder((), name="x")
    for _ in range(20_000):
        y = sin(log(exp(y)))
    assert len(run([LOG_EXP], y)[1]) == 20_000


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (300, dtypes.uint8, False),
        (255, dtypes.uint8, True),
        (-1, dtypes.uint8, False),
        (1.5, dtypes.int32, False),
        (2**31, dtypes.int32, False),
        (7e4, dtypes.float16, False),
        (1e-8, dtypes.float16, False),
        (1e-40, dtypes.float32, False),
        (0.0, dtypes.float32, True),
        (3e38, dtypes.bfloat16, True),
        (np.inf, dtypes.float64, False),
        (np.nan, dtypes.float64, False),
    ],
)
def test_what_fits_into_a_dtype(value, dtype, expected):
    assert fits(value, dtype) is expected
