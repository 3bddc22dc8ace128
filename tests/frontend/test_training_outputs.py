"""compile: losses, weights and metrics of one and of several outputs, by position and by name."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import ArgumentError, DataError, ModeError, UnknownNameError
from graphc.frontend import effects, losses, metrics
from graphc.frontend.layers import Dense, Input, Layer
from graphc.frontend.models import Model, Sequential
from graphc.frontend.optimizers import SGD
from graphc.ops import reduce

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3)).astype(np.float32)
A, B = RNG.normal(size=(6, 1)).astype(np.float32), RNG.normal(size=(6, 2)).astype(np.float32)
W = np.array([1, 2, 0, 1, 3, 0.5], np.float32)


def outputs():
    x = Input((3,), name="x")
    a = Dense(1, kernel_initializer="ones", name="out_a")(x)
    return x, a, Dense(2, kernel_initializer="ones", name="out_b")(x)


def model(form=list):
    x, a, b = outputs()
    made = {"list": [a, b], "tuple": (a, b), "dict": {"out_b": b, "out_a": a}}
    made |= {"nested": {"first": [a], "second": {"inner": b}}}
    return Model(x, made[form if isinstance(form, str) else form.__name__])


PA, PB = np.sum(X, 1, keepdims=True), np.repeat(np.sum(X, 1, keepdims=True), 2, 1)
MSE_A, MSE_B = ((PA - A) ** 2).mean(1), ((PB - B) ** 2).mean(1)
MAE_A, MAE_B = np.abs(PA - A).mean(1), np.abs(PB - B).mean(1)


def mean(values, weights=1.0):
    return float(np.mean(values * weights))


def huber(y_true, y_pred):
    return losses.huber(y_true, y_pred)


# loss, loss_weights, the expected total
LOSSES = {
    "one for all": ("mse", None, mean(MSE_A) + mean(MSE_B)),
    "an object for all": (losses.MeanAbsoluteError(), None, mean(MAE_A) + mean(MAE_B)),
    "by position": (["mse", "mae"], None, mean(MSE_A) + mean(MAE_B)),
    "a tuple": (("mse", losses.MeanAbsoluteError), None, mean(MSE_A) + mean(MAE_B)),
    "weights": (["mse", "mse"], [0.5, 2], 0.5 * mean(MSE_A) + 2 * mean(MSE_B)),
    "by name": ({"out_b": "mae", "out_a": "mse"}, {"out_a": 3.0, "out_b": 1.0},
                3 * mean(MSE_A) + mean(MAE_B)),
    "weights by position": ({"out_b": "mae", "out_a": "mse"}, [3.0, 1.0],
                            3 * mean(MSE_A) + mean(MAE_B)),
    "only one": ({"out_b": "mse"}, None, mean(MSE_B)),
    "none for one": ([None, "mae"], None, mean(MAE_B)),
}  # fmt: skip


@pytest.mark.parametrize("form", ["list", "tuple", "dict"])
@pytest.mark.parametrize("row", LOSSES)
def test_losses_of_several_outputs(row, form):
    loss, weights, expected = LOSSES[row]
    made = model(form)
    made.compile("sgd", loss, weights)
    for y in ([A, B], (A, B), {"out_b": B, "out_a": A}):
        numbers = made.evaluate(X, y, verbose=0, return_dict=True)
        assert numbers["loss"] == pytest.approx(expected, rel=1e-5)
    parts = {"out_a_loss": mean(MSE_A), "out_b_loss": mean(MSE_B)}
    if loss == "mse":
        assert numbers == pytest.approx({"loss": expected, **parts}, rel=1e-5)


def test_nested_outputs():
    made = model("nested")
    made.compile("sgd", {"first": ["mse"], "second": {"inner": "mae"}},
                 metrics={"first": [None], "second": {"inner": ["mse"]}})  # fmt: skip
    y = {"first": [A], "second": {"inner": B}}
    numbers = made.evaluate(X, y, verbose=0, return_dict=True)
    assert numbers["loss"] == pytest.approx(mean(MSE_A) + mean(MAE_B), rel=1e-5)
    assert list(numbers) == ["loss", "second/inner_mse", "first_loss", "second/inner_loss"]


# metrics, weighted_metrics, the names of all numbers
METRICS = {
    "by position": (["mae", ["mse", "mae"]], None, ["out_a_mae", "out_b_mse", "out_b_mae"]),
    "by name": ({"out_b": "mae"}, None, ["out_b_mae"]),
    "a list by name": ({"out_a": ["mse", metrics.MeanAbsoluteError]}, None,
                       ["out_a_mse", "out_a_mean_absolute_error"]),
    "the same twice": ([["mae", "mae"], None], None, ["out_a_mae", "out_a_mae_1"]),
    "weighted": ([["mae"], None], [["mae"], ["mse"]],
                 ["out_a_mae", "out_a_weighted_mae", "out_b_mse"]),
    "functions": ([huber, losses.mae], None, ["out_a_huber", "out_b_mean_absolute_error"]),
    "none": (None, None, []),
}  # fmt: skip


@pytest.mark.parametrize("row", METRICS)
def test_names_of_metrics(row):
    given, weighted, names = METRICS[row]
    made = model()
    made.compile("sgd", "mse", metrics=given, weighted_metrics=weighted)
    history = made.fit(X, [A, B], verbose=0, sample_weight=W)
    assert list(history.history) == ["loss", *names, "out_a_loss", "out_b_loss"]
    assert made.metrics_names == list(history.history)


def test_evaluate_answers_in_the_order_of_the_metrics():
    made = model()
    made.compile("sgd", "mse", metrics=[["mae"], ["mae"]])
    by_name = made.evaluate(X, [A, B], verbose=0, return_dict=True)
    names = ["loss", "out_a_loss", "out_b_loss", "out_a_mae", "out_b_mae"]
    assert made.evaluate(X, [A, B], verbose=0) == [by_name[n] for n in names]


def test_weighted_metrics_see_the_weights():
    made = Sequential([Input((3,)), Dense(1, kernel_initializer="ones")])
    made.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae", "mse"])
    numbers = made.evaluate(X, A, sample_weight=W, verbose=0, return_dict=True)
    expected = {
        "loss": mean(MSE_A, W), "mae": mean(MAE_A),
        "weighted_mae": float(np.average(MAE_A, weights=W)),
        "mse": float(np.average(MSE_A, weights=W)),
    }  # fmt: skip
    assert numbers == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weights", [[W, W * 2], {"out_b": W * 2, "out_a": W}])
def test_sample_weights_per_output(weights):
    made = model()
    made.compile("sgd", "mse")
    numbers = made.evaluate(X, [A, B], sample_weight=weights, verbose=0, return_dict=True)
    assert numbers["out_b_loss"] == pytest.approx(mean(MSE_B, 2 * W), rel=1e-5)
    assert numbers["loss"] == pytest.approx(mean(MSE_A, W) + mean(MSE_B, 2 * W), rel=1e-5)


def test_several_losses_of_one_output():
    made = Sequential([Input((3,)), Dense(1, kernel_initializer="ones")])
    made.compile("sgd", ["mse", "mae"], [1.0, 0.5])
    numbers = made.evaluate(X, A, verbose=0, return_dict=True)
    assert numbers["loss"] == pytest.approx(mean(MSE_A) + 0.5 * mean(MAE_A), rel=1e-5)


class Two(Model):
    """Two outputs of a subclass: they have no names."""

    def __init__(self, form):
        super().__init__()
        self.a, self.b, self.form = Dense(1), Dense(2), form

    def call(self, x):
        return self.form(self.a(x), self.b(x))


@pytest.mark.parametrize(
    ("form", "targets", "names"),
    [
        (lambda a, b: (a, b), (A, B), ["loss", "mae", "mae_1"]),
        (lambda a, b: {"p": a, "q": b}, {"p": A, "q": B}, ["loss", "p_mae", "q_mae"]),
    ],
)
def test_a_subclass_with_two_outputs(form, targets, names):
    made = Two(form)
    given = ["mae", "mae"] if isinstance(targets, tuple) else {"p": "mae", "q": "mae"}
    made.compile("sgd", "mse", metrics=given)
    history = made.fit(X, targets, verbose=0, epochs=2)
    assert list(history.history)[:3] == names
    assert len(history.history) == 5
    assert isinstance(made.predict(X, verbose=0), type(targets))


def test_losses_of_layers_alone():
    made = Sequential([Input((3,)), Dense(2, activity_regularizer="l2", kernel_regularizer="l1")])
    made.compile("sgd")
    first = made.fit(X, epochs=5, verbose=0).history["loss"]
    assert first[-1] < first[0]
    # Activity counts in testing, too.
    assert made.evaluate(X, verbose=0) < first[-1]
    plain = Sequential([Input((3,)), Dense(1)])
    plain.compile("sgd")
    with pytest.raises(ModeError, match="no loss to compute"):
        plain.fit(X, A)


def test_losses_that_a_call_adds():
    class Pulls(Layer):
        def build(self, input_shape):
            self.w = self.add_weight((), "ones", name="w")

        def call(self, x):
            effects.add_loss(3 * self.w)
            return x * self.w

    made = Sequential([Input((1,)), Pulls()])
    made.compile(SGD(0.1), "mse")
    zeros = np.zeros((4, 1))
    assert made.evaluate(zeros, zeros, verbose=0) == 3
    assert made.train_on_batch(zeros, zeros) == 3
    assert made.get_weights()[0] == pytest.approx(1 - 0.3)


def test_metrics_of_a_model_of_its_own():
    class Counting(Model):
        def __init__(self):
            super().__init__()
            self.dense, self.largest = Dense(1), metrics.Mean(name="largest")

        def call(self, x):
            y = self.dense(x)
            self.largest.update_state(reduce.max(y))
            return y

    made = Counting()
    made.compile("sgd", "mse", metrics=["mae"])
    history = made.fit(X, A, verbose=0, batch_size=6)
    assert list(history.history) == ["loss", "mae", "largest"]
    assert history.history["largest"][0] != 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"loss": "nope"}, UnknownNameError, "no loss"),
        ({"loss": "mse", "metrics": ["nope"]}, UnknownNameError, "no metric"),
        ({"loss": ["mse"] * 3}, ArgumentError, "`loss` does not fit"),
        ({"loss": {"out_c": "mse"}}, ArgumentError, "out_a, out_b"),
        ({"loss": "mse", "loss_weights": 2.0}, ArgumentError, "`loss_weights`"),
        ({"loss": "mse", "loss_weights": [1, 2, 3]}, ArgumentError, "`loss_weights`"),
        ({"loss": "mse", "metrics": ["mae"]}, ArgumentError, "`metrics` does not fit"),
        ({"loss": "mse", "metrics": {"b": "mae"}}, ArgumentError, "a dict with out_a, out_b"),
    ],
)
def test_what_compile_refuses(options, error, words):
    with pytest.raises(error, match=words):
        model().compile("sgd", **options)


def test_targets_that_do_not_fit():
    made = model()
    made.compile("sgd", "mse")
    for y in (A, [A, B, B], {"out_a": A, "c": B}):
        with pytest.raises(ArgumentError, match="`y` does not fit"):
            made.fit(X, y, verbose=0)
    with pytest.raises(DataError, match="needs targets"):
        made.fit(X, {"out_a": A}, verbose=0)
