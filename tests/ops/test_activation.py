"""Activations: the table of the course, formulas by SciPy, extremes, errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from graphc import dtypes
from graphc.errors import ArgumentError, ShapeError
from graphc.ops import elementwise, leaf, nn

from .values import SIZES, numbers, value


def elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(x))


POINTS = np.array([-2, -0.5, 0, 0.5, 2], np.float32)
# fmt: off
COURSE = {
    "identity":   (nn.linear,                          [-2, -0.5, 0, 0.5, 2]),
    "step":       (nn.binary_step,                     [0, 0, 1, 1, 1]),
    "sigmoid":    (elementwise.sigmoid,                [.119203, .377541, .5, .622459, .880797]),
    "tanh":       (elementwise.tanh,                   [-.964028, -.462117, 0, .462117, .964028]),
    "arctan":     (elementwise.atan,                   [-1.107149, -.463648, 0, .463648, 1.107149]),
    "relu":       (nn.relu,                            [0, 0, 0, 0.5, 2]),
    "leaky_relu": (lambda x: nn.leaky_relu(x, 0.01),   [-.02, -.005, 0, 0.5, 2]),
    "prelu":      (lambda x: nn.prelu(x, 0.25),        [-.5, -.125, 0, 0.5, 2]),
    "elu":        (nn.elu,                             [-.864665, -.393469, 0, 0.5, 2]),
    "softplus":   (nn.softplus,                [.126928, .474077, .693147, .974077, 2.126928]),
    "ramp":       (nn.hard_tanh,                       [-1, -0.5, 0, 0.5, 1]),
}
CDF = lambda x: (1 + special.erf(x / np.sqrt(2))) / 2  # noqa: E731
CUBIC = lambda x: np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)  # noqa: E731
FORMULAS = {
    "relu6":        (nn.relu6,                         lambda x: np.clip(x, 0, 6)),
    "relu_full":    (lambda x: nn.relu(x, 0.1, 2, 0.5),
                     lambda x: np.where(x > .5, np.minimum(x, 2), .1 * (x - .5))),
    "relu_cut":     (lambda x: nn.relu(x, threshold=1), lambda x: np.where(x > 1, x, 0)),
    "selu":         (nn.selu,                          lambda x: 1.05070098 * elu(x, 1.67326324)),
    "elu_2":        (lambda x: nn.elu(x, 2.0),         lambda x: elu(x, 2)),
    "celu_2":       (lambda x: nn.celu(x, 2.0),        lambda x: elu(x / 2, 1) * 2),
    "gelu":         (nn.gelu,                          lambda x: x * CDF(x)),
    "gelu_tanh":    (lambda x: nn.gelu(x, True),       lambda x: x * (1 + np.tanh(CUBIC(x))) / 2),
    "silu":         (nn.silu,                          lambda x: x * special.expit(x)),
    "softplus":     (nn.softplus,                      lambda x: np.logaddexp(x, 0)),
    "log_sigmoid":  (nn.log_sigmoid,                   special.log_expit),
    "mish":         (nn.mish,                          lambda x: x * np.tanh(np.logaddexp(x, 0))),
    "softsign":     (nn.softsign,                      lambda x: x / (1 + np.abs(x))),
    "squareplus":   (nn.squareplus,                    lambda x: (x + np.sqrt(x * x + 4)) / 2),
    "sparse_plus":  (nn.sparse_plus,
                     lambda x: np.where(x < 1, (np.clip(x, -1, 1) + 1)**2 / 4, x)),
    "sparse_sigmoid": (nn.sparse_sigmoid,              lambda x: np.clip((x + 1) / 2, 0, 1)),
    "hard_sigmoid": (nn.hard_sigmoid,                  lambda x: np.clip(x + 3, 0, 6) / 6),
    "hard_silu":    (nn.hard_silu,                     lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "hard_shrink":  (nn.hard_shrink,                   lambda x: np.where(np.abs(x) > .5, x, 0)),
    "soft_shrink":  (nn.soft_shrink,                   lambda x: x - np.clip(x, -.5, .5)),
    "tanh_shrink":  (nn.tanh_shrink,                   lambda x: x - np.tanh(x)),
    "threshold":    (lambda x: nn.threshold(x, 1, 7),  lambda x: np.where(x > 1, x, 7)),
    "exponential":  (nn.exponential,                   np.exp),
}
# fmt: on
TOLERANCE = {"float64": 1e-7, "float32": 2e-6, "float16": 4e-3, "bfloat16": 4e-2}


@pytest.mark.parametrize("name", COURSE)
def test_the_table_of_the_course(name):
    function, wanted = COURSE[name]
    np.testing.assert_allclose(value(function(POINTS)), wanted, 1e-5, 1e-6)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", FORMULAS)
def test_formulas(name, dtype):
    function, formula = FORMULAS[name]
    for shape in SIZES:
        x = 3 * numbers(shape, dtype)
        found = value(function(leaf.constant(x)))
        assert found.dtype == x.dtype
        wanted = formula(x.astype(np.float64))
        np.testing.assert_allclose(found.astype(float), wanted, TOLERANCE[dtype], TOLERANCE[dtype])


def test_perceptron_computes_and():
    x = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert value(nn.binary_step(leaf.constant(x) @ [1.0, 1.0] - 1.5)).tolist() == [0, 0, 0, 1]


# fmt: off
EXTREMES = [
    (nn.softplus,         [-1000, 1000], [0, 1000]),
    (nn.softplus,         [-50],         [np.exp(-50)]),
    (nn.log_sigmoid,      [-1000, 1000], [-1000, 0]),
    (nn.elu,              [-1000, 1000], [-1, 1000]),
    (nn.selu,             [1000],        [1050.7009873554805]),
    (nn.mish,             [-1000, 1000], [0, 1000]),
    (nn.silu,             [-1000, 1000], [0, 1000]),
    (nn.gelu,             [-1000, 1000], [0, 1000]),
    (elementwise.tanh,    [-1000, 1000], [-1, 1]),
    (nn.relu,             [-np.inf, np.inf, np.nan], [0, np.inf, np.nan]),
    (nn.softmax,          [1e4, 0, -1e4], [1, 0, 0]),
    (nn.log_softmax,      [1e4, 0, -1e4], [0, -1e4, -2e4]),
]
# fmt: on


@pytest.mark.parametrize(("function", "x", "wanted"), EXTREMES)
def test_nothing_overflows(function, x, wanted):
    np.testing.assert_allclose(value(function(np.float32(x))), wanted, 1e-6)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_and_log_softmax(axis):
    for dtype in ("float64", "float32", "float16"):
        x = 3 * numbers((5, 7, 3), dtype)
        wanted = special.softmax(x.astype(float), axis)
        found, logs = value(nn.softmax(x, axis)), value(nn.log_softmax(x, axis))
        tolerance = TOLERANCE[dtype]
        np.testing.assert_allclose(found.astype(float), wanted, tolerance, tolerance)
        np.testing.assert_allclose(found.sum(axis, dtype=float), 1, 2 * tolerance)
        np.testing.assert_allclose(logs.astype(float), np.log(wanted), tolerance, tolerance)
    found = value(nn.softmax([1, 2, 3]))
    np.testing.assert_allclose(found, [0.090031, 0.244728, 0.665241], 1e-5)
    assert value(nn.softmax(leaf.zeros((0, 3)))).shape == (0, 3)


def test_sparsemax_projects_onto_the_simplex():
    x = 2 * numbers((20, 7), "float64")
    found = value(nn.sparsemax(x))
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found >= 0).all()
    assert (found == 0).any()
    # The nearest point of the simplex: no other point of it is nearer.
    rng = np.random.default_rng(0)
    for other in rng.dirichlet(np.full(7, 0.3), 200):
        assert (((x - found) ** 2).sum(1) <= ((x - other) ** 2).sum(1) + 1e-12).all()
    np.testing.assert_allclose(value(nn.sparsemax(x.T, 0)), found.T)


def test_glu_and_swish():
    x = numbers((4, 6), "float64")
    np.testing.assert_allclose(value(nn.glu(x)), x[:, :3] * special.expit(x[:, 3:]))
    assert nn.swish is nn.silu


def test_integers():
    assert value(nn.relu([-1, 2])).dtype == np.int32
    for function in (nn.softmax, nn.gelu, nn.softplus, nn.silu):
        assert function([1, 2]).dtype is dtypes.float32


def test_wrong_arguments():
    with pytest.raises(ArgumentError, match="max_value of relu is negative"):
        nn.relu([1.0], max_value=-1)
    with pytest.raises(ArgumentError, match="alpha of celu is 0"):
        nn.celu([1.0], 0)
    with pytest.raises(ShapeError, match="no such axis"):
        nn.softmax(leaf.zeros((2, 3)), 2)
    with pytest.raises(ShapeError, match="no equal parts"):
        nn.glu(leaf.zeros((2, 3)))
