"""Learning rates that depend on the step: formulas, functions of the user, compiled training."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graphc.compiler import function
from graphc.errors import ArgumentError, ModeError
from graphc.frontend.layers import Dense
from graphc.frontend.models import Sequential
from graphc.frontend.optimizers import SGD, schedules
from graphc.frontend.optimizers.schedules import LearningRateSchedule
from graphc.ops.leaf import placeholder
from graphc.ops.paths import all_paths
from graphc.ops.variable import variable


def cosine(step, start=0.1, steps=8, alpha=0.0):
    return start * ((1 - alpha) * (1 + math.cos(math.pi * min(step / steps, 1))) / 2 + alpha)


def warmed(step):
    return 0.02 + 0.01 * step if step < 8 else cosine(step - 8, steps=20)


def restarted(step, length=4, height=0.1, t_mul=2.0, m_mul=0.5):
    while step >= length:
        step, length, height = step - length, length * t_mul, height * m_mul
    return height * (1 + math.cos(math.pi * step / length)) / 2


# fmt: off
FORMULAS = [
    (schedules.ExponentialDecay(0.1, 5, 0.5),             lambda t: 0.1 * 0.5 ** (t / 5)),
    (schedules.ExponentialDecay(0.1, 5, 0.5, True),       lambda t: 0.1 * 0.5 ** (t // 5)),
    (schedules.InverseTimeDecay(0.1, 5, 0.5),             lambda t: 0.1 / (1 + 0.5 * t / 5)),
    (schedules.InverseTimeDecay(0.1, 5, 0.5, True),       lambda t: 0.1 / (1 + 0.5 * (t // 5))),
    (schedules.PolynomialDecay(0.1, 9, 0.01, 2.0),
     lambda t: 0.09 * (1 - min(t, 9) / 9) ** 2 + 0.01),
    (schedules.PolynomialDecay(0.1, 9, 0.01, cycle=True),
     lambda t: 0.09 * (1 - t / (9 * max(math.ceil(t / 9), 1))) + 0.01),
    (schedules.PiecewiseConstantDecay([5, 9], [0.1, 0.2, 0.3]),
     lambda t: 0.1 if t <= 5 else 0.2 if t <= 9 else 0.3),
    (schedules.CosineDecay(0.1, 8, alpha=0.25),           lambda t: cosine(t, alpha=0.25)),
    (schedules.CosineDecay(0.02, 20, warmup_target=0.1, warmup_steps=8), warmed),
    (schedules.CosineDecayRestarts(0.1, 4, m_mul=0.5),    restarted),
    (schedules.CosineDecayRestarts(0.1, 4, 1.0, 0.5),     lambda t: restarted(t, t_mul=1.0)),
]
# fmt: on


@pytest.mark.parametrize(("schedule", "formula"), FORMULAS)
def test_schedules_follow_their_formulas(schedule, formula):
    step = placeholder((), "int32", name="step")
    run = function(step, schedule(step))
    steps = [*range(31), 59, 60, 61, 123]
    expected = [formula(t) for t in steps]
    assert [float(run(np.int32(t))) for t in steps] == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert [float(schedule(t)) for t in steps[:9]] == pytest.approx(expected[:9], rel=1e-5)


@pytest.mark.parametrize("kind", schedules.ALL)
def test_config(kind):
    made = next(s for s, _ in FORMULAS if type(s) is kind)
    revived = schedules.deserialize(schedules.serialize(made))
    assert revived.get_config() == made.get_config()
    optimizer = SGD(made)
    again = SGD.from_config(optimizer.get_config())
    assert float(again.learning_rate) == float(optimizer.learning_rate)


# ---------------------------------------------------------------------------- functions of the user


class MySchedule(LearningRateSchedule):
    """The one of the course."""

    def __call__(self, step):
        if step < 100000:
            lr = 0.1
        elif 100000 <= step < 200000:
            lr = 0.01
        else:
            lr = 0.001
        return lr


class Noam(LearningRateSchedule):
    def __call__(self, step):
        return 0.1 * min(step**-0.5, step * 10**-1.5)


TABLE, SPECIAL = [0.1, 0.2, 0.05], {2: 0.5}


class Looked(LearningRateSchedule):
    def __call__(self, step):
        return TABLE[min(step, 2)]


class FromDict(LearningRateSchedule):
    def __call__(self, step):
        return SPECIAL.get(step, 0.1)


def waves(step):
    return 0.1 + 0.05 * math.cos(step)


def steps_down(step):
    rate = 0.2
    for border in (1, 2, 4):
        if step >= border and not step > 100:
            rate = rate / 2
    return rate


FUNCTIONS = {  # and whether they can be graph
    "course": (MySchedule(), True),
    "min of steps": (Noam(), True),
    "loop": (steps_down, True),
    "table": (Looked(), False),
    "dict": (FromDict(), False),
    "math": (waves, False),
}


def by_hand(rate, steps):
    """What training with gradient 1 does, rate by rate."""
    return 10.0 - np.cumsum([rate(t) for t in range(steps)])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_the_user_in_a_compiled_step(name):
    given, is_graph = FUNCTIONS[name]
    optimizer = SGD(given)
    w, g = variable([10.0], name="w"), placeholder((1,), name="g")
    step = function(g, [], updates=optimizer.updates([(g, w)]))
    assert (optimizer.source.table is None) == is_graph
    path = []
    for _ in range(6):
        optimizer.prepare()
        step([1.0])
        path.append(float(w.numpy()[0]))
    rate = (lambda t: 0.0) if name == "min of steps" else given
    expected = by_hand(lambda t: rate(t) if t or name != "min of steps" else 0.0, 6)
    if name == "min of steps":
        expected = by_hand(lambda t: Noam()(t) if t else 0.0, 6)
    assert path == pytest.approx(expected, rel=1e-6)


def test_the_rates_of_the_course():
    optimizer = SGD(MySchedule())
    w, g = variable([0.0], name="w"), placeholder((1,), name="g")
    step = function(g, [], updates=optimizer.updates([(g, w)]))
    borders = {0: 0.1, 99_999: 0.1, 100_000: 0.01, 199_999: 0.01, 200_000: 0.001}
    for number, rate in borders.items():
        optimizer.iterations.assign(number)
        w.assign([0.0])
        step([1.0])
        assert w.numpy() == pytest.approx([-rate], rel=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_the_user_in_fit(name):
    def trained(eagerly):
        model = Sequential([Dense(1, input_shape=(2,), kernel_initializer="ones")])
        model.compile(SGD(FUNCTIONS[name][0]), "mse", run_eagerly=eagerly)
        x = np.arange(20.0).reshape(10, 2) / 20
        model.fit(x, x[:, :1], batch_size=2, epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    compiled, stepwise = trained(False), trained(True)
    assert np.isfinite(compiled[0]).all()
    for a, b in zip(compiled, stepwise, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_a_step_that_nobody_prepared_has_no_rate():
    optimizer = SGD(waves)
    w, g = variable([0.0], name="w"), placeholder((1,), name="g")
    step = function(g, [], updates=optimizer.updates([(g, w)]))
    optimizer.prepare(2)
    for expected in (-0.15, -0.15 - waves(1)):
        step([1.0])
        assert w.numpy() == pytest.approx([expected])
    step([1.0])
    assert np.isnan(w.numpy()).all()


def test_a_function_of_nothing_is_asked_at_each_step():
    rates = iter([0.5, 0.25, 0.125])
    optimizer = SGD(lambda: next(rates))
    w, g = variable([0.0], name="w"), placeholder((1,), name="g")
    step = function(g, [], updates=optimizer.updates([(g, w)]))  # asks once
    for expected in (-0.25, -0.375):
        optimizer.prepare()
        step([1.0])
        assert w.numpy() == pytest.approx([expected])


def test_a_variable_as_rate():
    rate = variable(0.5, name="rate")
    optimizer = SGD(lambda: rate)
    w, g = variable([0.0], name="w"), placeholder((1,), name="g")
    step = function(g, [], updates=optimizer.updates([(g, w)]))
    step([1.0])
    rate.assign(0.25)
    step([1.0])
    assert w.numpy() == pytest.approx([-0.75])


def test_a_schedule_takes_the_place_of_a_number():
    optimizer = SGD(0.1)
    model = Sequential([Dense(1, input_shape=(1,), kernel_initializer="zeros", use_bias=False)])
    model.compile(optimizer, "mse")
    model.train_on_batch([[1.0]], [[1.0]])
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([0], [9.0, 0.0])
    before = model.get_weights()[0]
    model.train_on_batch([[1.0]], [[1.0]])
    assert model.get_weights()[0] == before != 0
    with pytest.raises(ModeError, match="cannot be set"):
        optimizer.learning_rate = 0.1


# ---------------------------------------------------------------------------- paths


def test_all_paths_of_a_function():
    x = placeholder((), name="x")

    def sign_or_square(x):
        if x < 0 or x > 10:
            return -1.0 if not x > 10 else x * x
        return 1.0 if x else 0.0

    run = function(x, all_paths(sign_or_square, x))
    assert [float(run(np.float32(v))) for v in (-3, 0, 4, 11)] == [-1.0, 0.0, 1.0, 121.0]


def test_paths_without_an_end():
    def loop(x):
        while x > 1:
            x = x / 2
        return x

    with pytest.raises(ModeError, match="too many paths"):
        all_paths(loop, placeholder((), name="x"))


def test_errors():
    with pytest.raises(ArgumentError, match="at least one step"):
        schedules.CosineDecay(0.1, 0)
    with pytest.raises(ArgumentError, match="one boundary less"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
