"""Optimizers: hand-computed steps, equality of compiled and eager steps, rates that change."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.compiler import function
from graphc.errors import ModeError
from graphc.frontend import optimizers
from graphc.frontend.eager import eager
from graphc.frontend.optimizers import SGD, Adam
from graphc.ops.leaf import constant, placeholder
from graphc.ops.variable import variable


def steps_of(optimizer, gradients, start=1.0):
    """The parameter after each compiled step."""
    w = variable(np.float32([start]), name="w")
    g = placeholder((1,), name="g")
    step = function(g, [], updates=optimizer.updates([(g, w)]))
    path = []
    for gradient in gradients:
        step(np.float32([gradient]))
        path.append(float(w.numpy()[0]))
    return path


# fmt: off
PATHS = [
    (SGD(0.1),                               1.0, [2.0],      [0.8]),
    (SGD(0.01, momentum=0.9),                0.0, [1.0, 1.0], [-0.01, -0.029]),
    (SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True), 0.0, [1.0], [-0.019]),
    (Adam(0.1),                              0.0, [3.0],      [-0.1]),
    (Adam(0.1),                              0.0, [-0.5],     [0.1]),
]
# fmt: on


@pytest.mark.parametrize(("optimizer", "start", "gradients", "expected"), PATHS)
def test_hand_computed_steps(optimizer, start, gradients, expected):
    assert steps_of(optimizer, gradients, start) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam_follows_its_equations(amsgrad):
    rate, beta_1, beta_2, epsilon = 0.05, 0.9, 0.999, 1e-7
    gradients = [1.0, -4.0, 0.5, 0.01, 0.0]
    w = m = v = top = 0.0
    expected = []
    for t, g in enumerate(gradients, start=1):
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g * g
        top = max(top, v)
        corrected = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        w -= corrected * m / (np.sqrt(top if amsgrad else v) + epsilon)
        expected.append(w)
    got = steps_of(Adam(rate, amsgrad=amsgrad), gradients, 0.0)
    assert got == pytest.approx(expected, rel=1e-4)


def test_amsgrad_keeps_the_largest():
    gradients = [10.0] + [0.0] * 30
    plain, kept = (steps_of(Adam(0.1, amsgrad=a), gradients, 0.0)[-1] for a in (False, True))
    assert plain < kept - 1e-3


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
    assert int(optimizer.iterations.numpy()) == 1
    with pytest.raises(ModeError, match="updates"):
        optimizer.apply_gradients([(placeholder((2,)), w)])


def test_by_name_class_and_config():
    assert isinstance(optimizers.get("adam"), Adam)
    assert isinstance(optimizers.get(SGD), SGD)
    made = optimizers.get({"class_name": "SGD", "config": {"momentum": 0.5}})
    assert made.get_config()["momentum"] == 0.5
