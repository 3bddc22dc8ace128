"""Models with steps of their own: built into one compiled function, the same as op by op."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.diff.reverse import grad
from graphc.errors import ModeError
from graphc.frontend import losses, metrics, seeds
from graphc.frontend.callbacks import Callback
from graphc.frontend.effects import collecting_effects
from graphc.frontend.layers import BatchNormalization, Dense, Dropout, Input
from graphc.frontend.models import Model, Sequential
from graphc.frontend.optimizers import SGD, Adam
from graphc.ops import elementwise, reduce
from graphc.ops.leaf import placeholder
from graphc.ops.variable import variable

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 4)).astype(np.float32), RNG.normal(size=(10, 1)).astype(np.float32)
W = RNG.uniform(size=10).astype(np.float32)
EAGER = pytest.mark.parametrize("eagerly", [False, True])


class Net(Model):
    """Two layers with everything that changes by itself."""

    def __init__(self):
        super().__init__()
        self.hidden, self.norm = Dense(5, "tanh", kernel_regularizer="l2"), BatchNormalization()
        self.drop, self.out = Dropout(0.3), Dense(1)

    def call(self, x):
        return self.out(self.drop(self.norm(self.hidden(x))))


class ByHand(Net):
    """The same training, written out."""

    def train_step(self, data):
        x, y, *weight = data
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred, *weight)
        gradients = grad(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.metrics[0].update_state(loss)
        return self.compute_metrics(x, y, y_pred, *weight)

    def test_step(self, data):
        x, y, *weight = data
        y_pred = self(x, training=False)
        loss = self.compute_loss(x, y, y_pred, *weight, training=False)
        return {**self.compute_metrics(x, y, y_pred), "loss": loss, "twice": 2 * loss}


def trained(kind, eagerly=False, **options):
    seeds.set_seed(3)
    model = kind()
    model.compile(Adam(0.05), "mse", metrics=["mae"], run_eagerly=eagerly)
    history = model.fit(X, Y, 5, 3, 0, seed=1, **options)
    return model, history.history


@EAGER
@pytest.mark.parametrize("options", [{}, {"sample_weight": W}], ids=["plain", "weighted"])
def test_a_step_written_out_is_the_built_in_one(eagerly, options):
    (model, history), (other, expected) = (trained(k, eagerly, **options) for k in (ByHand, Net))
    for name, values in expected.items():
        assert history[name] == pytest.approx(values, rel=1e-6)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_numbers_of_a_test_step():
    model, _ = trained(ByHand)
    numbers = model.evaluate(X, Y, 10, 0, return_dict=True)
    assert list(numbers) == ["loss", "mae", "twice"]
    assert numbers["twice"] > numbers["loss"] > 0
    loss, mae, twice = model.evaluate(X, Y, 10, 0)
    assert [numbers[n] for n in ("loss", "mae", "twice")] == [loss, mae, twice]


class Adversaries(Model):
    """Two optimizers, the second of which uses what the first one has changed."""

    def __init__(self):
        super().__init__()
        self.a, self.b = Dense(3, name="a"), Dense(1, name="b")
        self.first, self.second = metrics.Mean("first"), metrics.Mean("second")

    def call(self, x):
        return self.b(self.a(x))

    def compile(self, one, two):
        super().compile()
        self.one, self.two = one, two

    @property
    def metrics(self):
        return [self.first, self.second]

    def train_step(self, data):
        x, y = data
        first = losses.mean_squared_error(y, self(x, training=True)).mean()
        self.one.apply_gradients(
            zip(grad(first, self.b.trainable_variables), self.b.trainable_variables)
        )
        second = losses.mean_absolute_error(y, self(x, training=True)).mean()
        both = [*self.a.trainable_variables, *self.b.trainable_variables]
        self.two.apply_gradients(zip(grad(second, both), both))
        self.first.update_state(first)
        self.second.update_state(second)
        return {m.name: m.result() for m in self.metrics}


def by_numpy(wa, ba, wb, bb, rate=0.1):
    """One step of the adversaries."""
    h = X @ wa + ba
    error = h @ wb + bb - Y
    first = np.mean(error**2)
    wb, bb = wb - rate * 2 * h.T @ error / 10, bb - rate * 2 * error.mean(0)
    error = h @ wb + bb - Y
    second, sign = np.mean(np.abs(error)), np.sign(error) / 10
    ga = sign @ wb.T
    wa, ba = wa - rate * X.T @ ga, ba - rate * ga.sum(0)
    return (first, second), (wa, ba, wb - rate * h.T @ sign, bb - rate * sign.sum(0))


@EAGER
def test_weights_have_their_new_values_after_an_update(eagerly):
    seeds.set_seed(1)
    model = Adversaries()
    model.compile(SGD(0.1), SGD(0.1))
    model.trainer.run_eagerly = eagerly
    model.build((None, 4))
    model(X)
    expected, weights = by_numpy(*model.get_weights())
    history = model.fit(X, Y, 10, 1, 0).history
    assert list(history) == ["first", "second"]
    assert [history["first"][0], history["second"][0]] == pytest.approx(expected, rel=1e-5)
    for got, right in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-4, atol=1e-6)


def test_an_update_is_one_function_of_the_step():
    seen = []

    class Once(ByHand):
        def train_step(self, data):
            seen.append(data)
            return super().train_step(data)

    trained(Once)
    assert len(seen) == 1, "it builds a graph, whatever the number of batches"


def test_one_optimizer_twice_in_a_step():
    class Twice(Model):
        def __init__(self):
            super().__init__()
            self.d = Dense(1, use_bias=False, kernel_initializer="ones")

        def call(self, x):
            return self.d(x)

        def train_step(self, data):
            for _ in range(2):
                loss = self.compute_loss(*data, self(data[0], training=True))
                gradients = grad(loss, self.trainable_variables)
                self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            return {"loss": loss}

    model, other = Twice(), Sequential([Dense(1, use_bias=False, kernel_initializer="ones")])
    for each in (model, other):
        each.compile(Adam(0.1), "mse")
    model.fit(X, Y, 10, 2, 0, shuffle=False)
    other.fit(X, Y, 10, 4, 0, shuffle=False)
    assert int(model.optimizer.iterations.numpy()) == 4
    np.testing.assert_allclose(model.get_weights()[0], other.get_weights()[0], rtol=1e-5)


@EAGER
def test_variables_that_a_layer_changes(eagerly):
    class Counts(Model):
        def __init__(self):
            super().__init__()
            self.calls = self.add_weight((), "zeros", trainable=False, name="calls")
            self.d = Dense(1)

        def call(self, x):
            self.calls.assign(self.calls + 1)
            return self.d(x) * self.calls

    class Look(Callback):
        def on_batch_end(self, batch, logs=None):
            assert float(self.model.calls.numpy()) == batch + 1

    model = Counts()
    model.compile("sgd", "mse", run_eagerly=eagerly)
    model.fit(X, Y, 2, verbose=0, callbacks=[Look()])
    assert float(model.calls.numpy()) == 5


def test_no_weights_to_train():
    frozen = Sequential([Dense(1, input_shape=(4,))])
    frozen.trainable = False
    frozen.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no weights to train"):
        frozen.fit(X, Y, verbose=0)


def test_losses_and_metrics_of_ones_own():
    class Own(Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.tracked = metrics.Mean("own")

        def compute_loss(self, x, y, y_pred, sample_weight):
            loss = reduce.mean(elementwise.square(y - y_pred)) + sum(self.losses)
            self.tracked.update_state(loss)
            return loss

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return {**super().compute_metrics(x, y, y_pred), "constant": 2.0}

    x = Input((4,))
    model = Own(x, Dense(1, kernel_regularizer="l2")(x))
    model.compile("sgd", "mae", metrics=["mae"])
    history = model.fit(X, Y, 10, 2, 0).history
    assert list(history) == ["loss", "mae", "own", "constant"]
    assert history["own"] == history["loss"]
    assert history["constant"] == [2.0, 2.0]
    assert np.all(np.array(history["own"]) != history["mae"])


def test_predict_step():
    class Shifted(Net):
        def predict_step(self, data):
            return {"y": super().predict_step(data) + 100, "x": data[0]}

    model = Shifted()
    outputs = model.predict(X, 4, 0)
    np.testing.assert_allclose(outputs["y"], model(X).numpy() + 100, rtol=1e-5)
    np.testing.assert_array_equal(outputs["x"], X)


def test_updates_are_collected_only_where_somebody_does():
    w, x = variable([1.0, 2.0], name="w_of_step"), placeholder((2,), name="x_of_step")
    optimizer = SGD(0.5)
    gradient = grad(reduce.sum(x * w), w)
    with pytest.raises(ModeError, match="symbolic gradients"):
        optimizer.apply_gradients([(gradient, w)])
    with collecting_effects() as effects:
        optimizer.apply_gradients([(gradient, w)])
    assert set(effects.updates) == {w, optimizer.calls}
    assert w.numpy().tolist() == [1.0, 2.0]
    optimizer.apply_gradients([([1.0, 1.0], w)])
    assert w.numpy().tolist() == [0.5, 1.5]
