"""Optimizers: against their equations in float64, hand-computed steps, what surrounds the rules."""

from __future__ import annotations

import copy

import equations
import numpy as np
import pytest

from graphc.compiler import function
from graphc.errors import ArgumentError, ModeError, ShapeError
from graphc.frontend import constraints, optimizers
from graphc.frontend.eager import eager
from graphc.frontend.layers import Dense
from graphc.frontend.models import Sequential
from graphc.frontend.optimizers import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    LossScaleOptimizer,
    Nadam,
    RMSprop,
    table,
)
from graphc.ops.leaf import constant, placeholder
from graphc.ops.variable import variable

RNG = np.random.default_rng(5)
START = RNG.normal(size=(3, 4))
GRADIENTS = [RNG.normal(size=(3, 4)) * 10.0**-n for n in range(5)]


def path_of(optimizer, gradients, start):
    """The parameter after each compiled step."""
    w = variable(np.asarray(start, np.float32), name="w")
    g = placeholder(w.shape, name="g")
    step = function(g, [], updates=optimizer.updates([(g, w)]))
    path = []
    for gradient in gradients:
        step(np.asarray(gradient, np.float32))
        path.append(w.numpy())
    return path


# fmt: off
RULES = [
    (SGD(0.05),                                   equations.sgd, {}),
    (SGD(0.05, 0.9),                              equations.sgd, {"momentum": 0.9}),
    (SGD(0.05, 0.9, True),                        equations.sgd,
     {"momentum": 0.9, "nesterov": True}),
    (RMSprop(0.05),                               equations.rmsprop, {}),
    (RMSprop(0.05, 0.8, 0.5, centered=True),      equations.rmsprop,
     {"rho": 0.8, "momentum": 0.5, "centered": True}),
    (Adam(0.05),                                  equations.adam, {}),
    (Adam(0.05, 0.8, 0.9, amsgrad=True),          equations.adam,
     {"b1": 0.8, "b2": 0.9, "amsgrad": True}),
    (AdamW(0.05, weight_decay=0.1),               equations.adam, {"decay": 0.1}),
    (Adamax(0.05),                                equations.adamax, {}),
    (Nadam(0.05),                                 equations.nadam, {}),
    (Adagrad(0.05),                               equations.adagrad, {}),
    (Adadelta(0.05, 0.9),                         equations.adadelta, {"rho": 0.9}),
    (Adafactor(0.05, clip_threshold=0.5),         equations.adafactor, {"threshold": 0.5}),
    (Ftrl(0.05, l1_regularization_strength=0.1, l2_regularization_strength=0.2,
          l2_shrinkage_regularization_strength=0.3, beta=0.4), equations.ftrl,
     {"l1": 0.1, "l2": 0.2, "shrinkage": 0.3, "beta": 0.4}),
    (Lion(0.05),                                  equations.lion, {}),
    (Lamb(0.05),                                  equations.lamb, {}),
]
# fmt: on


@pytest.mark.parametrize(("optimizer", "equation", "options"), RULES)
def test_rules_follow_their_equations(optimizer, equation, options):
    expected = list(equation(START, GRADIENTS, **options))
    for got, wanted in zip(path_of(optimizer, GRADIENTS, START), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-6)


# fmt: off
STEPS = [
    (SGD(0.1),                               1.0, [2.0],      [0.8]),
    (SGD(0.01, momentum=0.9),                0.0, [1.0, 1.0], [-0.01, -0.029]),
    (SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True), 0.0, [1.0], [-0.019]),
    (Adam(0.1),                              0.0, [3.0],      [-0.1]),
    (Adam(0.1),                              0.0, [-0.5],     [0.1]),
    (RMSprop(0.001, 0.9),                    0.0, [2.0],      [-0.0031623]),
    (SGD(0.1, weight_decay=0.5),             1.0, [2.0],      [0.75]),
    (SGD(1.0, clipvalue=0.5),                0.0, [3.0],      [-0.5]),
    (SGD(1.0, clipnorm=0.5),                 0.0, [3.0, 0.1], [-0.5, -0.6]),
    (SGD(1.0, loss_scale_factor=8.0),        0.0, [8.0],      [-1.0]),
    (SGD(1.0, gradient_accumulation_steps=2), 0.0, [1.0, 3.0, 5.0], [0.0, -2.0, -2.0]),
    (SGD(1.0, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3),
     3.0, [1.0, 1.0, 1.0], [2.0, 1.0, 1.71]),
]
# fmt: on


@pytest.mark.parametrize(("optimizer", "start", "gradients", "expected"), STEPS)
def test_hand_computed_steps(optimizer, start, gradients, expected):
    got = path_of(optimizer, [[g] for g in gradients], [start])
    assert np.ravel(got) == pytest.approx(expected, rel=2e-4)


def test_amsgrad_keeps_the_largest():
    gradients = [[10.0]] + [[0.0]] * 30
    plain, kept = (path_of(Adam(0.1, amsgrad=a), gradients, [0.0])[-1] for a in (False, True))
    assert plain < kept - 1e-3


def test_weight_decay_of_sgd_is_the_gradient_of_l2():
    decayed = path_of(SGD(0.1, weight_decay=0.4), GRADIENTS, START)[0]
    penalised = path_of(SGD(0.1), [GRADIENTS[0] + 2 * 0.2 * START], START)[0]
    np.testing.assert_allclose(decayed, penalised, rtol=1e-5)


def test_parameters_are_left_out_of_weight_decay():
    a, b, c = (variable([1.0], name=n) for n in ("kernel", "layer_bias", "other"))
    optimizer = SGD(1.0, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[c], var_names=["bias"])
    optimizer.apply_gradients([([0.0], v) for v in (a, b, c)])
    assert [float(v.numpy()[0]) for v in (a, b, c)] == [0.5, 1.0, 1.0]
    with pytest.raises(ArgumentError, match="before the first step"):
        optimizer.exclude_from_weight_decay(var_names=["kernel"])


def test_the_norm_of_all_gradients_together():
    a, b = variable([0.0], name="a"), variable([0.0, 0.0], name="b")
    SGD(1.0, global_clipnorm=1.0).apply_gradients([([3.0], a), ([0.0, 4.0], b)])
    assert a.numpy() == pytest.approx([-0.6])
    assert b.numpy() == pytest.approx([0.0, -0.8])


def test_running_means_replace_weights_at_the_end():
    w = variable([3.0], name="w")
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.5)
    for _ in range(2):
        optimizer.apply_gradients([([1.0], w)])
    optimizer.finalize_variable_values([w])
    assert w.numpy() == pytest.approx([1.5])


def test_constraints_hold_after_each_update():
    w = variable([0.5], name="w")
    w.constraint = constraints.NonNeg()
    SGD(1.0).apply_gradients([([2.0], w)])
    assert w.numpy().tolist() == [0.0]


def test_parameters_of_16_bits_are_updated_in_float32():
    w = variable(np.ones(4), "bfloat16", name="w")
    optimizer = Adam(0.5)
    optimizer.apply_gradients([(np.ones(4, np.float32), w)])
    assert w.numpy().astype(np.float32).tolist() == [0.5] * 4
    assert {v.dtype.name for v in optimizer.states[w].values()} == {"float32"}


def test_loss_scaling_skips_what_is_not_finite():
    w = variable([1.0], name="w")
    optimizer = LossScaleOptimizer(SGD(0.5), initial_scale=4.0, dynamic_growth_steps=2)
    path = []
    for gradient in (4.0, np.inf, 2.0, np.nan, 1.0, 1.0):
        optimizer.apply_gradients([([gradient], w)])
        path.append((float(w.numpy()[0]), float(optimizer.dynamic_scale.numpy())))
    assert path == [(0.5, 4), (0.5, 2), (0.0, 2), (0.0, 1), (-0.5, 1), (-1.0, 2)]
    assert int(optimizer.iterations.numpy()) == 4


def test_loss_scaling_trains():
    model = Sequential([Dense(1, input_shape=(2,), kernel_initializer="ones")])
    plain = Sequential([Dense(1, input_shape=(2,), kernel_initializer="ones")])
    x, y = RNG.normal(size=(8, 2)), RNG.normal(size=(8, 1))
    for each, optimizer in ((model, LossScaleOptimizer(SGD(0.1))), (plain, SGD(0.1))):
        each.compile(optimizer, "mse")
        each.fit(x, y, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], plain.get_weights()[0], rtol=1e-5)


def test_decay_halves_the_rate():
    optimizer = SGD(lr=0.01, decay=1e-6)
    optimizer.iterations.assign(1_000_000)
    with eager():
        assert float(optimizer.rate()) == pytest.approx(0.005)


def test_the_rate_changes_without_compiling_again():
    optimizer = SGD(0.1)
    w, g = variable(np.float32([1.0]), name="w"), placeholder((1,), name="g")
    step = function(g, [], updates=optimizer.updates([(g, w)]))
    step([1.0])
    optimizer.learning_rate = 0.5
    step([1.0])
    assert w.numpy() == pytest.approx([0.4])
    assert float(optimizer.lr.numpy()) == 0.5


def test_apply_gradients_now():
    w = variable(np.float32([1.0, 2.0]), name="w")
    optimizer = Adam(0.1)
    with eager():
        optimizer.apply_gradients([(constant(np.float32([1.0, -1.0])), w)])
    assert w.numpy() == pytest.approx([0.9, 2.1], rel=1e-4)
    optimizer.apply([[1.0, -1.0]])
    assert int(optimizer.iterations.numpy()) == 2
    with pytest.raises(ModeError, match="updates"):
        optimizer.apply_gradients([(placeholder((2,)), w)])
    with pytest.raises(ShapeError, match="another shape"):
        optimizer.apply_gradients([([1.0], w)])


def test_missing_gradients():
    v, w = variable([1.0], name="v"), variable([1.0], name="w")
    with pytest.warns(UserWarning, match="no gradients of v"):
        SGD(0.5).apply_gradients([(None, v), ([1.0], w)])
    assert (v.numpy()[0], w.numpy()[0]) == (1.0, 0.5)
    with pytest.raises(ArgumentError, match="No gradients"):
        SGD().apply_gradients([(None, v)])


def test_state_can_be_given_again():
    first, second = Nadam(0.1, use_ema=True), Nadam(0.1, use_ema=True)
    w, v = variable(START, name="w"), variable(START, name="v")
    first.apply_gradients([(GRADIENTS[0], w)])
    second.build([v])
    second.set_weights([s.numpy() for s in first.variables])
    v.assign(w.numpy())
    first.apply_gradients([(GRADIENTS[1], w)])
    second.apply_gradients([(GRADIENTS[1], v)])
    assert np.array_equal(v.numpy(), w.numpy())
    with pytest.raises(ArgumentError, match="not built"):
        Adam().set_weights([])


@pytest.mark.parametrize("kind", table.ALL)
def test_config_and_copies(kind):
    made = kind(0.25, clipnorm=2.0, ema_momentum=0.5, name="mine")
    config = made.get_config()
    assert (config["learning_rate"], config["clipnorm"], config["name"]) == (0.25, 2.0, "mine")
    revived = optimizers.deserialize(optimizers.serialize(made))
    assert type(revived) is kind
    assert revived.get_config() == copy.deepcopy(made).get_config() == config


def test_by_name_class_and_config():
    assert isinstance(optimizers.get("adam"), Adam)
    assert isinstance(optimizers.get(SGD), SGD)
    assert optimizers.get(None) is None
    made = optimizers.get({"class_name": "SGD", "config": {"momentum": 0.5}})
    assert made.get_config()["momentum"] == 0.5
    scaled = LossScaleOptimizer(SGD(0.5), initial_scale=8.0)
    revived = optimizers.get(optimizers.serialize(scaled))
    assert revived.get_config() == scaled.get_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(clipnorm=1.0, clipvalue=1.0), "Only one of"),
        (lambda: SGD(momentum=2.0), "momentum"),
        (lambda: SGD(rate=0.1), "no such argument"),
        (lambda: Adam(gradient_accumulation_steps=1), "2 or more"),
        (lambda: Adam(use_ema=True, ema_momentum=2.0), "ema_momentum"),
        (lambda: Adam("fast"), "a learning rate is"),
        (lambda: Lion(beta_1=0.0), "beta_1"),
        (lambda: Ftrl(learning_rate_power=0.5), "learning_rate_power"),
        (lambda: LossScaleOptimizer(SGD(), clipnorm=1.0), "inner_optimizer"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
