"""GradientTape: what is watched, nesting, persistence, forms of sources; tf.function."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from graphc.errors import ModeError
from graphc.ir.node import Node


def test_variables_are_watched_and_constants_when_asked(tf):
    v, fixed, c = tf.Variable(3.0), tf.Variable(3.0, trainable=False), tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = v * v + fixed * fixed + c * c
    assert float(tape.gradient(y, v)) == 6.0
    assert tape.gradient(y, fixed) is None
    assert tape.gradient(y, c) is None
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(c)
        y = v * c
    assert tape.gradient(y, [v, c])[0] is None
    assert tape.watched_variables() == ()


def test_third_derivative(tf):
    x = tf.Variable(2.0)
    with tf.GradientTape() as a, tf.GradientTape() as b:
        with tf.GradientTape() as c:
            y = x**4.0
        first = c.gradient(y, x)
        second = b.gradient(first, x)
    assert [float(t) for t in (first, second, a.gradient(second, x))] == [32.0, 48.0, 48.0]


def test_one_question_unless_persistent(tf):
    x = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        y = x * 2.0
    tape.gradient(y, x)
    with pytest.raises(ModeError, match="persistent=True"):
        tape.gradient(y, x)


def test_forms_of_sources_and_unconnected_ones(tf):
    a, b, other = tf.Variable(2.0), tf.Variable([3.0, 4.0]), tf.Variable([1.0])
    with tf.GradientTape(persistent=True) as tape:
        y = tf.reduce_sum(a * b)
    found = tape.gradient(y, {"a": a, "rest": [b, other]})
    assert float(found["a"]) == 7.0
    assert found["rest"][0].numpy().tolist() == [2.0, 2.0]
    assert found["rest"][1] is None
    zeros = tape.gradient(y, other, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert zeros.numpy().tolist() == [0.0]
    count = tf.Variable(1)
    assert tape.gradient(y, count) is None


def test_targets_are_summed_and_may_be_weighted(tf):
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        y, z = x * x, 3.0 * x
    assert tape.gradient(y, x).numpy().tolist() == [2.0, 4.0]
    assert tape.gradient([y, z], x).numpy().tolist() == [5.0, 7.0]
    assert tape.gradient(y, x, output_gradients=[1.0, 10.0]).numpy().tolist() == [2.0, 40.0]


def test_a_variable_that_changes_in_between(tf):
    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = x * x
        x.assign(5.0)
        y = y * x
    # y = a**2 * b at a = 2, b = 5: both values are x.
    assert float(tape.gradient(y, x)) == 2 * 2 * 5 + 4


def test_what_is_not_recorded(tf):
    x = tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        y = x * x
        with tape.stop_recording():
            stopped = y * 3.0
    later = y * 3.0
    assert float(tape.gradient(y, x)) == 4.0
    assert tape.gradient(stopped, x) is None
    assert tape.gradient(later, x) is None


def test_by_a_tensor_on_the_way(tf):
    x, c = tf.Variable(3.0), tf.constant(2.0)
    with tf.GradientTape(persistent=True) as tape:
        y, other = x * x, c * c
        z = y * y + other
    assert float(tape.gradient(z, y)) == 18.0
    assert tape.gradient(z, other) is None


def test_jacobians(tf):
    a = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)
    x, rows = tf.Variable([1.0, -1.0]), tf.constant(a)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(rows)
        y = tf.linalg.matvec(a, x)
        squares = rows**2.0
    assert tape.jacobian(y, x).numpy().tolist() == a.tolist()
    expected = np.stack([np.diag(2 * row) for row in a])
    assert tape.batch_jacobian(squares, rows).numpy().tolist() == expected.tolist()
    with tf.GradientTape() as outer:
        with tf.GradientTape() as tape:
            z = tf.reduce_sum(x**3.0)
        g = tape.gradient(z, x)
    assert outer.jacobian(g, x).numpy().tolist() == [[6.0, 0.0], [0.0, -6.0]]


def test_a_loop_does_not_grow(tf):
    x, total = tf.Variable(1.0), tf.constant(0.0)

    def turn(total):
        with tf.GradientTape() as tape:
            y = tf.exp(x * 0.5) - x
        x.assign_sub(0.1 * tape.gradient(y, x))
        return total + y

    def nodes():
        gc.collect()
        return sum(isinstance(o, Node) for o in gc.get_objects())

    total = turn(turn(total))
    before = nodes()
    for _ in range(20):
        total = turn(total)
    assert nodes() <= before + 2


# ---------------------------------------------------------------------------- tf.function


def test_function_gives_what_python_gives_and_is_compiled_once(tf):
    runs = []

    @tf.function
    def f(x, y, scale=2.0):
        runs.append(scale)
        return {"sum": tf.reduce_sum(x * y) * scale, "rest": [x + 1.0, None]}

    x, y = tf.constant([1.0, 2.0]), np.array([3.0, 4.0], np.float32)
    first, second = f(x, y), f(x * 2.0, y)
    assert (float(first["sum"]), float(second["sum"])) == (22.0, 44.0)
    assert first["rest"][0].numpy().tolist() == [2.0, 3.0]
    assert first["rest"][1] is None
    assert runs == [2.0]
    assert float(f(x, y, scale=3.0)["sum"]) == 33.0
    assert runs == [2.0, 3.0]


def test_function_changes_variables_at_every_call(tf):
    count, draws = tf.Variable(0), tf.keras.layers.Dropout(0.5)

    @tf.function
    def turn(x):
        count.assign_add(1)
        twice = count * 2
        return draws(x, training=True), twice

    x = tf.ones((100,))
    (first, two), (second, four) = turn(x), turn(x)
    assert (int(two), int(four), int(count.numpy())) == (2, 4, 2)
    assert (first.numpy() != second.numpy()).any()


def test_function_trains_as_python_does(tf):
    random = np.random.default_rng(0)
    x = random.normal(size=(16, 3)).astype(np.float32)
    y = x.sum(1, keepdims=True)
    results = []
    for wrap in (tf.function, lambda f: f):
        tf.keras.utils.set_random_seed(4)
        model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(3,))])
        optimizer = tf.keras.optimizers.Adam(0.1)

        @wrap
        def step(x, y, model=model, optimizer=optimizer):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.math.squared_difference(model(x, training=True), y))
            weights = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return loss

        losses = [float(step(x, y)) for _ in range(5)]
        results.append(np.concatenate([losses, *(w.ravel() for w in model.get_weights())]))
        assert int(optimizer.iterations) == 5
    assert results[0] == pytest.approx(results[1], rel=1e-5)


def test_function_falls_back_to_python_where_values_are_needed(tf):
    @tf.function
    def f(x):
        return x * 2.0 if x > 0 else -x

    assert [float(f(tf.constant(v))) for v in (3.0, -3.0)] == [6.0, 3.0]


def test_function_inside_of_a_tape(tf):
    f, x = tf.function(lambda x: x**3.0), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = f(x)
    assert float(tape.gradient(y, x)) == 12.0


def test_methods_and_lists_of_tensors(tf):
    class Scaled:
        def __init__(self, by):
            self.by = by

        @tf.function(jit_compile=True)
        def total(self, tensors):
            return sum(tensors) * self.by

    parts = [tf.constant(1.0), tf.constant(2.0)]
    assert [float(Scaled(by).total(parts)) for by in (2.0, 10.0)] == [6.0, 30.0]
    tf.config.run_functions_eagerly(True)
    assert float(Scaled(3.0).total(parts)) == 9.0
    tf.config.run_functions_eagerly(False)
