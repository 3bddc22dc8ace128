"""What each pass is for, as text: the formula before is written, the formula after is expected."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backends.reference.evaluate import evaluate, evaluate_node
from graphc.diff.reverse import grad
from graphc.ir.formula import formula
from graphc.ir.graph import graph
from graphc.ir.laws import verify
from graphc.ir.mode import build
from graphc.ops import control, conv, convert, elementwise, leaf, movement, normalization, reduce
from graphc.ops.activation import relu
from graphc.ops.elementwise import exp, log, stop_gradient, tanh, where
from graphc.ops.normalization import batch_norm_inference
from graphc.passes.contract_fma import contract_fma
from graphc.passes.eliminate_common import eliminate_common
from graphc.passes.fold_constants import fold_constants
from graphc.passes.fold_inference import fold_inference
from graphc.passes.inline_calls import inline_calls
from graphc.passes.join_moments import join_moments
from graphc.passes.options import Options
from graphc.passes.pipeline import run
from graphc.passes.share_quotients import share_quotients
from graphc.passes.simplify import simplify
from graphc.passes.stabilize import stabilize

OPTIONS = Options(evaluate=lambda node, values: evaluate_node(node, values, {}), inference=True)
FAST = Options(evaluate=OPTIONS.evaluate, fast_math=True)

x = leaf.placeholder(("n", 3), name="x")
y = leaf.placeholder(("n", 3), name="y")
v = leaf.placeholder((3,), name="v")
i = leaf.placeholder((4,), "int32", name="i")
b = leaf.placeholder((4,), "bool", name="b")


def call(argument):
    p = leaf.parameter(0, 0, argument.type)
    attrs = {"body": graph([p], [exp(p) + 1]), "backward": None}
    return build(control.call_op, (argument,), attrs)[0]


# fmt: off
CASES = [
    (inline_calls,     OPTIONS, lambda: call(x) * 2,                      "2 * (exp(x) + 1)"),
    (inline_calls,     OPTIONS, lambda: call(call(v)),                    "exp(exp(v) + 1) + 1"),
    (inline_calls,     OPTIONS, lambda: stop_gradient(x) * 2,             "2 * x"),
    (fold_constants,   OPTIONS, lambda: v * (leaf.full((3,), 2.0) + 1),   "3 * v"),
    (fold_constants,   OPTIONS, lambda: x + exp(leaf.zeros(("n", 3))),    "x + 1"),
    (fold_constants,   OPTIONS, lambda: v + leaf.constant([1.0, 2.0, 3.0]) * 2, "v + [2, 4, 6]"),
    (fold_constants,   OPTIONS, lambda: v + leaf.constant([1.0, 2.0, 3.0]) * 0, "v + 0"),
    (fold_constants,   OPTIONS, lambda: i + convert.cast(leaf.full((), 2.9), "int32"), "i + 2"),
    (fold_constants,   Options(), lambda: v + exp(leaf.full((3,), 0.0)),  "v + exp(0)"),
    (simplify,         OPTIONS, lambda: (x * 1 + 0) / 4,                  "0.25 * x"),
    (simplify,         OPTIONS, lambda: x + y * -1,                       "x - y"),
    (simplify,         OPTIONS, lambda: (x * 2) * 3,                      "3 * (2 * x)"),
    (simplify,         FAST,    lambda: (x * 2) * 3,                      "6 * x"),
    (simplify,         FAST,    lambda: x * 2 + x * 3,                    "5 * x"),
    (simplify,         FAST,    lambda: x - x + y,                        "y"),
    (simplify,         OPTIONS, lambda: x - x,                            "x - x"),
    (simplify,         OPTIONS, lambda: i - i + i * 3 * 2,                "6 * i"),
    (simplify,         OPTIONS, lambda: where(~~b, i, i) + 0,             "i"),
    (simplify,         OPTIONS, lambda: movement.transpose(exp(x.T)),     "exp(x)"),
    (simplify,         OPTIONS, lambda: reduce.sum(v * 2 + 0, keepdims=True), "2 * sum(v)"),
    (simplify,         OPTIONS, lambda: reduce.sum(convert.broadcast_to(v, (4, 3)), 0), "4 * v"),
    (simplify,         OPTIONS, lambda: x.T.T @ v,                        "x @ v"),
    (share_quotients,  FAST,    lambda: x / reduce.sum(y, 1, keepdims=True),
     "x * (1 / sum(y, axis=1))"),
    (share_quotients,  OPTIONS, lambda: x / reduce.sum(v),                "x / sum(v)"),
    (share_quotients,  FAST,    lambda: x / v,                            "x / v"),
    (stabilize,        OPTIONS, lambda: log(1 + x),                       "log1p(x)"),
    (stabilize,        OPTIONS, lambda: 1 / (1 + exp(-x)),                "1 * sigmoid(x)"),
    (stabilize,        OPTIONS, lambda: x ** 2.0 + x ** 0.5,              "x**2 + sqrt(x)"),
    (stabilize,        OPTIONS, lambda: log(exp(x) / y),                  "x - log(y)"),
    (eliminate_common, OPTIONS, lambda: x * y - y * x,                    "x * y - x * y"),
    (contract_fma,     OPTIONS, lambda: x * y + 1,                        "fma(x, y, 1)"),
    (contract_fma,     OPTIONS, lambda: 1 - x * y,                        "fma(-x, y, 1)"),
    (contract_fma,     OPTIONS, lambda: x * y - v,                        "fma(x, y, -v)"),
    (contract_fma,     OPTIONS, lambda: (x * y + 1) + (x * y),            "x * y + 1 + x * y"),
    (contract_fma,     OPTIONS, lambda: i * i + 1,                        "i**2 + 1"),
]
# fmt: on


@pytest.mark.parametrize(("step", "options", "build_it", "expected"), CASES)
def test_before_and_after(step, options, build_it, expected):
    after = verify(step(graph([], [build_it()]), options))
    assert formula(after.outputs[0]) == expected


def moments(values, **options):
    """The mean and variance of the columns of x, after the pass; and how often it adds up x."""
    t = leaf.placeholder(values.shape, str(values.dtype), name="t")
    mean, variance = normalization.moments(t, tuple(range(values.ndim - 1)))
    after = verify(join_moments(graph([t], [mean, variance]), Options(**options)))
    centred = any(n.op is elementwise.sub and n.types[0].shape == t.shape for n in after.nodes)
    return evaluate(after.outputs, {t: values}), not centred


@pytest.mark.parametrize("mean", [0.0, 1.0, -1e4])
@pytest.mark.parametrize("shape", [(50, 3), (1, 3), (5, 7, 4), (40000, 1)])
def test_moments_in_one_pass_keep_their_digits(shape, mean):
    values = np.random.default_rng(0).normal(mean, 1, shape).astype(np.float32)
    found, joined = moments(values, fast_math=True)
    rows = values.astype(np.float64).reshape(-1, shape[-1])
    assert joined
    np.testing.assert_allclose(found[0], rows.mean(0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found[1], rows.var(0), rtol=1e-6, atol=1e-7)


def test_moments_of_equal_values_are_no_less_than_zero():
    found, joined = moments(np.full((999, 2), 0.1, np.float32), fast_math=True)
    assert joined
    assert (found[1] >= 0).all()
    assert (found[1] < 1e-15).all()


@pytest.mark.parametrize(
    ("dtype", "fast_math"), [("float64", True), ("float32", False), ("float64", False)]
)
def test_moments_are_joined_only_where_nothing_is_lost(dtype, fast_math):
    assert not moments(np.ones((4, 3), dtype), fast_math=fast_math)[1]


def test_moments_of_rows_stay():
    t = leaf.placeholder((4, 3), name="t")
    given = graph([t], list(normalization.moments(t, -1)))
    assert join_moments(given, FAST) is given


def test_a_product_that_is_used_twice_is_made_once():
    product = x * y
    after = contract_fma(graph([x, y], [product + 1, product]), OPTIONS)
    assert [formula(t) for t in after.outputs] == ["x * y + 1", "x * y"]


def test_log_softmax_is_found_across_moved_axes():
    naive = exp(x) / reduce.sum(exp(x), 1, keepdims=True)
    after, _ = run(graph([x], [log(naive)]), OPTIONS)
    assert "log(exp" not in formula(after.outputs[0])
    values = np.array([[1000.0, 0.0, -1000.0]], np.float32)
    result = evaluate(after.outputs, {after.inputs[0]: values})[0]
    np.testing.assert_array_equal(result, [[0.0, -1000.0, -2000.0]])


STABLE = [
    ("sigmoid", lambda t: log(elementwise.sigmoid(t)), -1000.0, -1000.0),
    ("1 - sigmoid", lambda t: log(1 - elementwise.sigmoid(t)), 1000.0, -1000.0),
    ("softplus", lambda t: log(1 + exp(t)), 1000.0, 1000.0),
    ("tanh", lambda t: (exp(t) - exp(-t)) / (exp(t) + exp(-t)), 1000.0, 1.0),
    ("expm1", lambda t: exp(t) - 1, 1e-7, 1e-7),
    ("silu", lambda t: t / (1 + exp(-t)), -1000.0, 0.0),
    ("logistic", lambda t: exp(t) / (1 + exp(t)), 1000.0, 1.0),
    ("root of a square", lambda t: elementwise.sqrt(t * t), 1e30, 1e30),
]


@pytest.mark.parametrize(("name", "function", "at", "expected"), STABLE)
def test_stable_where_the_formula_is_not(name, function, at, expected):
    t = leaf.placeholder((1,), name="t")
    after, _ = run(graph([t], [function(t)]), OPTIONS)
    result = evaluate(after.outputs, {t: np.array([at], np.float32)})[0]
    np.testing.assert_allclose(result, [expected], rtol=1e-6)


def test_the_gradient_of_the_logarithm_of_a_sigmoid_is_stable():
    t = leaf.placeholder((1,), name="t")
    slope = grad(reduce.sum(log(elementwise.sigmoid(t))), t)
    after, _ = run(graph([t], [slope]), OPTIONS)
    result = evaluate(after.outputs, {t: np.array([-1000.0], np.float32)})[0]
    np.testing.assert_allclose(result, [1.0])


# ---------------------------------------------------------------------------- inference


def variable(name, *shape):
    attrs = {"name": name, "shape": shape, "dtype": x.dtype}
    return build(leaf.variable_op, (), attrs)[0]


def normalised(product, channels):
    mean, spread, gamma, beta = (variable(n, channels) for n in ("mean", "spread", "gamma", "beta"))
    return batch_norm_inference(product, mean, spread, gamma, beta)


def _conv_then_norm():
    image, kernel = leaf.placeholder((2, 5, 5, 3), name="image"), variable("kernel", 3, 3, 3, 4)
    bias = variable("bias", 4)
    product = conv.conv_general(image, kernel, strides=(1, 1), padding=((0, 0), (0, 0)))
    return image, tanh(normalised(product + bias, 4))


def _dense_then_norm():
    rows, kernel = leaf.placeholder((5, 3), name="rows"), variable("kernel", 3, 4)
    return rows, tanh(normalised(rows @ kernel, 4) * 3)


@pytest.mark.parametrize("build_it", [_conv_then_norm, _dense_then_norm])
def test_normalisation_goes_into_the_kernel(build_it):
    data, output = build_it()
    given = graph([data], [output])
    after, _ = run(given, OPTIONS)
    wide = [
        n for n in after.nodes if n.types[0].shape == output.shape and "elementwise" in n.op.traits
    ]
    assert [n.op.name for n in wide] == ["add", "tanh"], "one shift for the whole chain"
    check_numbers(given, after)


def check_numbers(before, after):
    leaves = [n.output() for n in before.nodes if n.op.name in ("placeholder", "variable")]
    rng = np.random.default_rng(0)
    feeds = {t: rng.uniform(0.5, 1.5, t.shape).astype(np.float32) for t in leaves}
    expected, result = evaluate([before.outputs[0], after.outputs[0]], feeds)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_training_keeps_kernels_as_they_are():
    data, output = _conv_then_norm()
    given = graph([data], [output])
    assert fold_inference(given, Options(inference=False)) is given


def test_normalisations_one_after_the_other_and_before_a_sum_are_folded_once():
    rows = leaf.placeholder((5, 4), name="rows")
    first = relu(normalised(rows @ variable("one", 4, 4), 4))
    second = normalised(first @ variable("two", 4, 4), 4)
    output = tanh(second + first)
    given = graph([rows], [output])
    after, _ = run(given, OPTIONS)
    names = [n.op.name for n in after.nodes]
    wide = [n.op.name for n in after.nodes if n.types[0].shape == (5, 4)]
    assert names.count("dot_general") == 2
    assert "sub" not in wide
    assert "fma" not in wide
    check_numbers(given, after)


def test_a_product_that_is_read_elsewhere_keeps_its_kernel():
    rows, kernel = leaf.placeholder((5, 3), name="rows"), variable("kernel", 3, 4)
    product = rows @ kernel
    given = graph([rows], [normalised(product, 4), product])
    after = fold_inference(given, OPTIONS)
    assert after.outputs[1] is product
    assert sum(n.op.name == "dot_general" for n in after.nodes) == 1
