"""Regularizers and constraints: worked numbers, configs, training with them."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import ArgumentError, ShapeError
from graphc.frontend import constraints, regularizers
from graphc.frontend.constraints import MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from graphc.frontend.layers import Conv2D, Dense
from graphc.frontend.models import Sequential
from graphc.frontend.optimizers import SGD
from graphc.frontend.regularizers import L1, L1L2, L2, OrthogonalRegularizer
from graphc.ops.variable import variable

W = [[1.0, 2.0], [3.0, 4.0]]
# fmt: off
PENALTIES = [
    (L2(1e-4),                                     W,                          0.003),
    (L1(0.01),                                     W,                          0.1),
    (L1L2(0.01, 1e-4),                             W,                          0.103),
    (L1L2(),                                       W,                          0.0),
    (OrthogonalRegularizer(0.1),                   [[1.0, 0.0], [0.0, 5.0]],   0.0),
    (OrthogonalRegularizer(0.1),                   [[1.0, 1.0], [-2.0, -2.0]], 0.1),
    (OrthogonalRegularizer(0.5, mode="columns"),   [[3.0, 3.0], [0.0, 4.0]],   0.3),
]
COLUMNS = [[3.0, 0.3], [4.0, 0.4]]  # norms 5 and 0.5
PROJECTIONS = [
    (NonNeg(),                  [[-1.0, 2.0]], [[0.0, 2.0]]),
    (MaxNorm(1.0),              COLUMNS,       [[0.6, 0.3], [0.8, 0.4]]),
    (UnitNorm(),                COLUMNS,       [[0.6, 0.6], [0.8, 0.8]]),
    (UnitNorm(axis=1),          [[3.0, 4.0]],  [[0.6, 0.8]]),
    (MinMaxNorm(1.0, 2.5),      COLUMNS,       [[1.5, 0.6], [2.0, 0.8]]),
    (MinMaxNorm(1.0, 2.5, 0.5), COLUMNS,       [[2.25, 0.45], [3.0, 0.6]]),
    (constraints.Constraint(),  COLUMNS,       COLUMNS),
]
# fmt: on


@pytest.mark.parametrize(("penalty", "weight", "expected"), PENALTIES)
def test_penalties(penalty, weight, expected):
    assert float(penalty(weight)) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(("projection", "weight", "expected"), PROJECTIONS)
def test_projections(projection, weight, expected):
    np.testing.assert_allclose(projection(weight).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("module", "made"),
    [(regularizers, p) for p, _, _ in PENALTIES]
    + [(constraints, p) for p, _, _ in PROJECTIONS[:-1]],
)
def test_configs(module, made):
    revived = module.deserialize(module.serialize(made))
    assert revived == made
    assert type(made).from_config(made.get_config()) == made
    assert module.get(made) is made
    assert isinstance(module.get(type(made)), type(made))


def test_names():
    assert regularizers.get("l1_l2") == regularizers.get("L1L2") == L1L2()
    assert regularizers.get("orthogonal_regularizer") == OrthogonalRegularizer()
    assert constraints.get("max_norm") == constraints.max_norm() == MaxNorm()
    assert regularizers.get(None) is constraints.get(None) is None


def test_own_subclasses():
    class Cubes(regularizers.Regularizer):
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, x):
            return self.factor * (x * x * x).sum()

    made = Cubes(2.0)
    found = regularizers.deserialize(regularizers.serialize(made), {"Cubes": Cubes})
    assert found.factor == 2.0
    layer = Dense(1, kernel_regularizer=made, kernel_initializer="ones", input_shape=(3,))
    assert len(Sequential([layer]).losses) == 1


def test_gradients_of_penalties_reach_the_weights():
    model = Sequential(
        [Dense(1, use_bias=False, kernel_regularizer=L2(0.1), kernel_initializer="ones")]
    )
    model.compile(SGD(0.5), "mse")
    model.train_on_batch(np.zeros((2, 1)), np.zeros((2, 1)))
    assert model.get_weights()[0] == pytest.approx(np.array([[0.9]]))


def test_parameters_of_the_convolution_of_the_course():
    layer = Conv2D(6, (5, 5), padding="same", kernel_regularizer=regularizers.l1(0.01))
    model = Sequential([layer])
    model.build((None, 28, 28, 1))
    assert model.count_params() == 156
    assert len(model.losses) == 1


def test_constraints_hold_after_training():
    model = Sequential([Dense(3, kernel_constraint=MaxNorm(0.1), bias_constraint="non_neg")])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(20, 4))
    model.fit(x, x[:, :3], epochs=2, verbose=0)
    kernel, bias = model.get_weights()
    assert np.linalg.norm(kernel, axis=0).max() <= 0.1 + 1e-6
    assert bias.min() >= 0


def test_errors():
    with pytest.raises(ArgumentError, match="not negative"):
        L2(-1.0)
    with pytest.raises(ArgumentError, match="no such mode"):
        OrthogonalRegularizer(mode="both")
    with pytest.raises(ShapeError, match="matrix"):
        OrthogonalRegularizer()(variable(np.ones((2, 2, 2)), name="w"))
    with pytest.raises(ValueError, match="no constraint"):
        constraints.get("typo")
