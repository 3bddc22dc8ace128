"""Gradients as people ask for them: worked numbers, structures, errors, both modes."""

from __future__ import annotations

import time

import numpy as np
import pytest

from graphc.backends.reference.evaluate import evaluate, evaluate_node
from graphc.diff.forward import hessian_vector_product, jvp
from graphc.diff.reverse import grad, jacobian, value_and_grad, vjp
from graphc.errors import DifferentiationError
from graphc.ir.graph import topological
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Tensor
from graphc.ops import activation, control, convert, elementwise, index, leaf, matmul, reduce
from graphc.ops.elementwise import exp, log1p, maximum, where
from graphc.ops.variable import variable
from graphc.provenance import user_source

from .checking import check


def at(outputs: list[Tensor], feeds: dict[Tensor, object]) -> list[np.ndarray]:
    return evaluate(outputs, {t: np.asarray(v, t.dtype.numpy) for t, v in feeds.items()})


def derivative(function: object, points: list[float], dtype: str = "float64") -> np.ndarray:
    x = leaf.placeholder((len(points),), dtype)
    return at(vjp([function(x)], [x], [1.0]), {x: points})[0]


# ---------------------------------------------------------------------------- worked numbers


def test_square_and_its_second_derivative() -> None:
    x = leaf.placeholder((), "float32")
    first = grad(x * x, x)
    assert at([first, grad(first, x)], {x: 3.0}) == [6.0, 2.0]


def test_linear_brick() -> None:
    w, x = leaf.placeholder((2, 2)), leaf.placeholder((2,))
    dw, dx = vjp([matmul.matmul(w, x)], [w, x], [[1.0, 1.0]])
    values = at([dw, dx], {w: [[1, 2], [3, 4]], x: [5, 6]})
    np.testing.assert_array_equal(values[0], [[5, 6], [5, 6]])
    np.testing.assert_array_equal(values[1], [4, 6])


POINTS = [-2.0, -0.5, 0.0, 0.5, 2.0]
# fmt: off
SLOPES = {
    "linear":     (activation.linear,      [1, 1, 1, 1, 1]),
    "step":       (activation.binary_step, [0, 0, 0, 0, 0]),
    "sigmoid":    (elementwise.sigmoid,    [.104994, .235004, .25, .235004, .104994]),
    "tanh":       (elementwise.tanh,       [.070651, .786448, 1, .786448, .070651]),
    "atan":       (elementwise.atan,       [.2, .8, 1, .8, .2]),
    "relu":       (activation.relu,        [0, 0, 0, 1, 1]),
    "leaky_relu": (lambda x: activation.leaky_relu(x, 0.01), [.01, .01, 1, 1, 1]),
    "elu":        (activation.elu,         [.135335, .606531, 1, 1, 1]),
    "softplus":   (activation.softplus,    [.119203, .377541, .5, .622459, .880797]),
    "hard_tanh":  (activation.hard_tanh,   [0, 1, 1, 1, 0]),
}
# fmt: on


@pytest.mark.parametrize("name", SLOPES)
def test_activation(name: str) -> None:
    function, slopes = SLOPES[name]
    np.testing.assert_allclose(derivative(function, POINTS), slopes, atol=5e-7)


def test_sigmoid_saturates_and_relu_dies() -> None:
    far = [-10.0, 0.0, 10.0]
    np.testing.assert_allclose(
        derivative(elementwise.sigmoid, far), [4.53958e-5, 0.25, 4.53958e-5], rtol=2e-6
    )
    np.testing.assert_array_equal(derivative(activation.relu, far, "float32"), [0, 0, 1])


def test_prelu_slope_is_learned() -> None:
    x, alpha = leaf.placeholder((5,)), leaf.placeholder(())
    y = activation.prelu(x, alpha)
    slopes = jvp([y], [alpha], [1.0])
    np.testing.assert_allclose(at(slopes, {x: POINTS, alpha: 0.25})[0], [-2, -0.5, 0, 0, 0])


def _brick(name: str, x: Tensor, c: float) -> Tensor:
    """The loss bricks of a lecture on back-propagation."""
    if name == "square":
        return 0.5 * (x - c) * (x - c)
    return log1p(exp(-c * x)) if name == "log" else maximum(0, 1 - c * x)


@pytest.mark.parametrize(
    ("name", "c", "x", "value", "slope"),
    [
        ("square", 1, 3.0, 2.0, 2.0),
        ("log", 1, 0.5, 0.474077, -0.377541),
        ("log", -1, 0.5, 0.974077, 0.622459),
        ("hinge", 1, 0.5, 0.5, -1.0),
        ("hinge", -1, 0.5, 1.5, 1.0),
    ],
)
def test_loss_brick(name: str, c: float, x: float, value: float, slope: float) -> None:
    point = leaf.placeholder((), "float64")
    found = at([*value_and_grad(_brick(name, point, c), point)], {point: x})
    np.testing.assert_allclose(found, [value, slope], atol=5e-7)


def test_log_softmax_brick() -> None:
    x = leaf.placeholder((3,), "float64")
    value, slopes = value_and_grad(reduce.logsumexp(x) - x[1], x)
    found = at([value, slopes], {x: [1, 2, 3]})
    np.testing.assert_allclose(found[0], 1.407606, atol=5e-7)
    np.testing.assert_allclose(found[1], [0.090031, -0.755272, 0.665241], atol=5e-7)
    assert np.isfinite(at([slopes], {x: [1e4, -1e4, 0]})[0]).all()


def test_max_margin_brick() -> None:
    x = leaf.placeholder((3,), "float64")
    others = where(elementwise.equal(leaf.iota((3,), 0), 1), -np.inf, x + 1.0)
    loss = activation.relu(reduce.max(others) - x[1])
    value, slopes = at([*value_and_grad(loss, x)], {x: [1, 2, 3]})
    assert value == 2.0
    np.testing.assert_array_equal(slopes, [0, -1, 1])
    np.testing.assert_array_equal(at([grad(loss, x)], {x: [1, 9, 3]})[0], [0, 0, 0])


def test_softmax_jacobian() -> None:
    x = leaf.placeholder((3,), "float64")
    p = activation.softmax(x)
    value, matrix = at([p, jacobian(p, x)], {x: [1, 2, 3]})
    np.testing.assert_allclose(matrix, np.diag(value) - np.outer(value, value), atol=1e-15)


def test_field_of_slopes() -> None:
    x, y = leaf.placeholder((), "float64"), leaf.placeholder((), "float64")
    f = x * exp(-(x * x + y * y))
    found = at([f, *grad(f, [x, y])], {x: 0.5, y: 0.5})
    np.testing.assert_allclose(found, [0.303265, 0.303265, -0.303265], atol=5e-7)


# ---------------------------------------------------------------------------- structures


def test_structure_of_wrt() -> None:
    a, b, c = (leaf.placeholder((2,)) for _ in range(3))
    found = grad((a * b).sum(), {"a": a, "rest": [b, (c,)]})
    assert found["a"].shape == (2,)
    values = at([found["a"], found["rest"][0], found["rest"][1][0]], {a: [1, 2], b: [3, 4]})
    np.testing.assert_array_equal(values, [[3, 4], [1, 2], [0, 0]])


def test_inner_tensors() -> None:
    """An input may depend on another: both get their whole derivative."""
    x = leaf.placeholder((), "float64")
    y = x * 3
    by_x, by_y = grad(y * y, [x, y])
    assert at([by_x, by_y], {x: 2.0}) == [36.0, 12.0]
    assert at(jvp([y * y], [x, y], [1.0, 5.0]), {x: 2.0}) == [36.0 + 60.0]


def test_nothing_flows_through_integers_and_stops() -> None:
    x = leaf.placeholder((3,), "float64")
    stopped = elementwise.stop_gradient(x) * x
    steps = convert.cast(convert.cast(x, "int32"), "float64") * x
    found = at([grad(stopped.sum(), x), grad(steps.sum(), x)], {x: [1.5, -2.5, 3.5]})
    np.testing.assert_array_equal(found, [[1.5, -2.5, 3.5], [1, -2, 3]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_gradients_keep_the_dtype(dtype: str) -> None:
    x = leaf.placeholder((2, 3), dtype)
    loss = reduce.mean(elementwise.tanh(x) * 2 + x / 3 - x**3)
    assert str(grad(loss, x).type) == f"{dtype}[2, 3]"


def test_hessian_of_a_quadratic() -> None:
    a = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, -1.0], [0.0, -1.0, 4.0]])
    x = leaf.placeholder((3,), "float64")
    loss = 0.5 * matmul.dot(x, matmul.matmul(leaf.constant(a), x))
    product = hessian_vector_product(loss, x, [1.0, 2.0, 3.0])
    matrix, vector = at([jacobian(grad(loss, x), x), product], {x: [5, 6, 7]})
    np.testing.assert_allclose(matrix, a)
    np.testing.assert_allclose(vector, a @ [1, 2, 3])


def test_third_derivative() -> None:
    check(lambda x: grad((elementwise.sin(x) * x).sum(), x), [np.array([0.3, -1.2])])


# ---------------------------------------------------------------------------- kinks


def test_equal_elements_share() -> None:
    x = leaf.placeholder((4,), "float64")
    pairs = maximum(x[:2], x[2:]).sum() + elementwise.minimum(x[:2], x[2:]).sum()
    top = reduce.max(x)
    found = at([grad(pairs, x), grad(top, x)], {x: [2, 1, 2, 0]})
    np.testing.assert_array_equal(found, [[1, 1, 1, 1], [0.5, 0, 0.5, 0]])


def test_powers_at_zero() -> None:
    x, n = leaf.placeholder((5,), "float64"), leaf.placeholder((5,), "float64")
    by_x = grad((x**n).sum(), x)
    feeds = {x: [0, 0, 0, 0, -2.0], n: [0, 1, 2, 3, 3]}
    np.testing.assert_array_equal(at([by_x], feeds)[0], [0, 1, 0, 0, 12])
    np.testing.assert_array_equal(at([grad(by_x.sum(), x)], feeds)[0], [0, 0, 2, 0, -12])
    assert derivative(lambda t: t**2.0, [0.0]) == derivative(lambda t: t**0.0, [0.0]) == 0
    assert at([grad((x**n).sum(), n)], feeds)[0][2] == 0


def test_last_of_equal_writes_is_seen() -> None:
    x, u = leaf.placeholder((3,), "float64"), leaf.placeholder((4,), "float64")
    y = index.scatter_set(x, [1, -3, 1, 0], u)
    dx, du = at(vjp([y], [x, u], [[10.0, 20.0, 30.0]]), {x: [0] * 3, u: [0] * 4})
    np.testing.assert_array_equal(dx, [0, 0, 30])
    np.testing.assert_array_equal(du, [0, 0, 20, 10])


# ---------------------------------------------------------------------------- errors


def test_loss_with_axes() -> None:
    x = leaf.placeholder((2, 3))
    with pytest.raises(DifferentiationError, match=r"(?s)shape \(2, 3\).*vjp"):
        grad(x * x, x)


def test_integer_input() -> None:
    n = leaf.placeholder((2,), "int32")
    with pytest.raises(DifferentiationError, match="int32"):
        grad(convert.cast(n, "float32").sum(), n)
    with pytest.raises(DifferentiationError, match=r"3\.0"):
        grad(leaf.placeholder(()), [3.0])


def test_integer_loss() -> None:
    x = leaf.placeholder((2,))
    with pytest.raises(DifferentiationError, match="output"):
        grad(convert.cast(x, "int32").sum(), x)


# ---------------------------------------------------------------------------- how it is built


def test_sources_and_roles() -> None:
    x = leaf.placeholder((3,))
    y, here = elementwise.tanh(x), user_source()
    loss = y.sum()
    forward = set(topological([loss]))
    added = [n for n in topological([grad(loss, x)]) if n not in forward and n.inputs]
    assert {n.source.role for n in added} == {"backward"}
    assert here.line in {n.source.line for n in added}


def test_same_graph_twice() -> None:
    x = leaf.placeholder((3,))
    loss = (exp(x) * x + elementwise.tanh(x)).sum()
    assert grad(loss, x) is grad(loss, x)


def test_only_what_lies_between() -> None:
    """Derivatives by one tensor build nothing for the others."""
    x, w, v = (leaf.placeholder((3, 3)) for _ in range(3))
    loss = matmul.matmul(matmul.matmul(x, w), v).sum()
    products = [n for n in topological([grad(loss, v)]) if n.op.name == "dot_general"]
    assert len(products) == 2


def test_eager_and_static_agree() -> None:
    data = np.array([0.3, -0.7, 1.1])

    def both(x: Tensor) -> list[Tensor]:
        def step(c: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
            return elementwise.sin(c * row), c

        last, rows = control.scan(step, x[0], x)
        top = index.sort(x)
        loss = last * rows.sum() + top[0] * reduce.prod(top)
        first = grad(loss, x)
        return [first, grad((first * first).sum(), x), *jvp([loss], [x], [data]), jacobian(rows, x)]

    x = leaf.placeholder((3,), "float64")
    static = evaluate(both(x), {x: data})
    with evaluating_with(lambda node, inputs: evaluate_node(node, inputs, {})):
        eager = both(leaf.eager_leaf(data))
    for a, b in zip(static, eager):
        np.testing.assert_allclose(b.numpy(), a, rtol=1e-13)


def test_variables_in_both_modes() -> None:
    """A variable needs no watching; in eager mode its derivative is at the present value."""
    v = variable(3.0, "float64")
    assert evaluate([grad(v * v, v)]) == [6.0]
    with evaluating_with(lambda node, inputs: evaluate_node(node, inputs, {})):
        first = grad(v * v, v)
        assert (first.numpy(), grad(first, v).numpy()) == (6.0, 2.0)
        v.assign(5.0)
        assert grad(v * v, v).numpy() == 10.0


def _chain(layers: int) -> tuple[Tensor, list[Tensor]]:
    x = leaf.placeholder((None, 8))
    weights = [leaf.placeholder((8, 8)) for _ in range(layers)]
    for w in weights:
        x = elementwise.tanh(matmul.matmul(x, w) + 1.0) * 0.5 + x
    return x.sum(), weights


def test_time_grows_with_the_graph_only() -> None:
    """Differentiating costs a few times the building, for small and for large graphs."""
    ratios: list[float] = []
    for _ in range(3):
        start = time.perf_counter()
        loss, weights = _chain(700)
        middle = time.perf_counter()
        gradients = grad(loss, weights)
        ratios.append((time.perf_counter() - middle) / (middle - start))
        assert len(gradients) == 700
    assert min(ratios) < 8
