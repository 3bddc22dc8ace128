"""Models: fit, evaluate, predict, summary; compiled and eager steps are the same."""

from __future__ import annotations

import json

import numpy as np
import pytest

from graphc.errors import ArgumentError, DataError, ModeError
from graphc.frontend import seeds
from graphc.frontend.callbacks.progress import in_words
from graphc.frontend.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
)
from graphc.frontend.losses import MeanSquaredError, SparseCategoricalCrossentropy
from graphc.frontend.models import Model, Sequential
from graphc.frontend.optimizers import SGD, Adam

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 4)).astype(np.float32), RNG.integers(0, 3, 10)
IMAGES = RNG.normal(size=(20, 8, 8, 1)).astype(np.float32)


def classifier(**options):
    seeds.set_seed(1)
    model = Sequential([Dense(8, activation="tanh"), Dropout(0.2), Dense(3)])
    loss = SparseCategoricalCrossentropy(from_logits=True)
    model.compile(Adam(0.05), loss, metrics=["accuracy"], **options)
    return model


def test_fit_learns_and_reports():
    model = classifier()
    history = model.fit(X, Y, batch_size=4, epochs=40, verbose=0, validation_data=(X, Y), seed=1)
    curves = history.history
    assert list(curves) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert curves["acc"] is curves["accuracy"]
    assert curves["val_acc"][-1] >= 0.9
    assert curves["loss"][-1] < curves["loss"][0] / 2
    assert history.epoch == list(range(40))
    loss, accuracy = model.evaluate(X, Y, verbose=0)
    # Batches of another size add up in another order.
    assert [loss, accuracy] == pytest.approx([curves["val_loss"][-1], curves["val_acc"][-1]])


def test_numbers_of_an_epoch_are_weighted_by_batch_size():
    model = classifier()
    whole = model.evaluate(X, Y, batch_size=10, verbose=0)
    assert model.evaluate(X, Y, batch_size=4, verbose=0) == pytest.approx(whole, rel=1e-5)


def test_one_compile_serves_all_batch_sizes():
    model = classifier()
    for size in (3, 4, 10):
        model.fit(X, Y, batch_size=size, verbose=0)
    assert len(model.trainer._steps) == 1


def test_eager_and_compiled_training_are_the_same():
    def train(eager):
        seeds.set_seed(3)
        parts = [Conv2D(4, 3, activation="relu"), BatchNormalization(), MaxPooling2D(), Flatten()]
        model = Sequential([*parts, Dropout(0.2), Dense(3, activation="softmax")])
        model.compile("adam", "SparseCategoricalCrossEntropy", metrics=["acc"], run_eagerly=eager)
        history = model.fit(IMAGES, np.arange(20) % 3, epochs=2, batch_size=8, verbose=0, seed=2)
        return history.history["acc"], model.get_weights()

    (static_accuracy, static), (eager_accuracy, eager) = train(False), train(True)
    assert static_accuracy == eager_accuracy
    # The compiler may round differently, by what its rules allow.
    for a, b in zip(static, eager, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_regression_from_lists():
    model = Sequential([Dense(1, input_shape=[1])])
    model.compile(loss="mean_squared_error", optimizer=Adam(0.1), metrics=["mae"])
    celsius = [-40, -10, 0, 8, 15, 22, 38]
    history = model.fit(celsius, [1.8 * c + 32 for c in celsius], epochs=500, verbose=0)
    prediction = model.predict([100.0], verbose=0)
    assert prediction.shape == (1, 1)
    assert 205 < float(prediction[0, 0]) < 214
    assert list(history.history) == ["loss", "mae"]


def test_train_on_batch_is_a_step_by_hand():
    model = Sequential([Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(SGD(0.5), MeanSquaredError)
    assert model.train_on_batch([[2.0]], [[0.0]]) == 4.0
    assert model.get_weights()[0].tolist() == [[1 - 0.5 * 8]]


def test_regularization_is_part_of_the_loss_and_constraints_hold():
    model = Sequential([Dense(1, use_bias=False, kernel_initializer="ones",
                              kernel_regularizer="l2", kernel_constraint="non_neg")])  # fmt: skip
    model.compile(SGD(0.5), "mse")
    assert model.evaluate([[2.0]], [[0.0]], verbose=0) == pytest.approx(4.01)
    model.train_on_batch([[2.0]], [[0.0]])
    assert model.get_weights()[0].tolist() == [[0.0]]


def test_frozen_layers_do_not_change():
    model = Sequential([Dense(4, input_shape=(4,)), Dense(3)])
    model.layers[0].trainable = False
    model.compile("sgd", SparseCategoricalCrossentropy(from_logits=True))
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    after = model.get_weights()
    assert [np.array_equal(a, b) for a, b in zip(before, after)] == [True, True, False, False]


def test_validation_split_takes_the_last_examples():
    model = classifier()
    model.fit(X, Y, validation_split=0.2, verbose=0, shuffle=False)
    split = model.evaluate(X[8:], Y[8:], verbose=0)
    again = classifier()
    history = again.fit(X, Y, validation_split=0.2, verbose=0, shuffle=False)
    assert [history.history[n][0] for n in ("val_loss", "val_accuracy")] == split


@pytest.mark.parametrize("verbose", [1, 2])
def test_what_is_printed(verbose, capsys):
    classifier().fit(X, Y, epochs=2, verbose=verbose)
    shown = capsys.readouterr().out
    assert "epoch 2/2" in shown
    assert "accuracy 0." in shown


def test_small_numbers_are_printed_with_their_digits():
    numbers = {"loss": 0.03126, "rate": 2.7e-5, "none": 0.0, "below": -2e-4, "lost": np.nan}
    words = "loss 0.0313  rate 2.700e-05  none 0.0000  below -2.000e-04  lost nan"
    assert in_words(numbers) == words


class Mlp(Model):
    def __init__(self):
        super().__init__()
        self.d1 = Dense(4, activation="relu")
        self.d2 = Dense(4, activation="relu")
        self.d3 = Dense(1, activation="sigmoid")

    def call(self, x):
        return self.d3(self.d2(self.d1(x)))


def test_a_subclass_of_model():
    model = Mlp()
    output = model(np.array([[1.0, 0.4, 0.2], [-0.4, 0.3, 0.2]])).numpy()
    assert output.shape == (2, 1)
    assert ((output > 0) & (output < 1)).all()
    assert model.count_params() == 41
    assert [x.name for x in model.layers] == ["dense", "dense_1", "dense_2"]


def fashion(*, separate):
    model = Sequential()
    for units in (256, 256):
        shape = {} if model.layers else {"input_shape": (784,)}
        model.add(Dense(units, activation=None if separate else "relu", **shape))
        if separate:
            model.add(Activation("relu"))
        model.add(Dropout(0.4))
    model.add(Dense(10, activation=None if separate else "softmax"))
    if separate:
        model.add(Activation("softmax"))
    return model


@pytest.mark.parametrize(
    ("separate", "counts"),
    [(True, [200960, 0, 0, 65792, 0, 0, 2570, 0]), (False, [200960, 0, 65792, 0, 2570])],
)
def test_summary(separate, counts):
    model, lines = fashion(separate=separate), []
    model.summary(print_fn=lambda text: lines.extend(text.split("\n")))
    rows = lines[4 : 4 + len(counts)]
    assert [int(row.split()[-1]) for row in rows] == counts
    assert rows[0].split()[:4] == ["dense", "(Dense)", "(None,", "256)"]
    assert [row.split()[0] for row in rows if "(Dense)" in row] == ["dense", "dense_1", "dense_2"]
    assert "Total params: 269,322" in lines
    assert "Non-trainable params: 0" in lines


def test_cnn_counts():
    cnn = [Input((28, 28, 1)), Conv2D(64, 3, activation="relu"), MaxPooling2D((2, 2))]
    cnn += [Conv2D(64, 3, activation="relu"), MaxPooling2D((2, 2)), Flatten(), Dropout(0.2)]
    model = Sequential([*cnn, Dense(10, activation="softmax")])
    assert model.count_params() == 53_578
    assert [x.output_shape[1] for x in model.layers[:5]] == [26, 13, 11, 5, 1600]
    assert len(model.layers) == 7
    deep = Sequential([Conv2D(32, 3, activation="relu"), Conv2D(64, 3, strides=2), Flatten(),
                       Dense(128), Dense(10)])  # fmt: skip
    assert deep.predict(np.ones((2, 32, 32, 3)), verbose=0).shape == (2, 10)
    assert deep.count_params() == 1_626_442


def test_errors():
    with pytest.raises(ModeError, match="compile"):
        Sequential([Dense(1)]).fit(X, Y)
    with pytest.raises(DataError, match="different numbers of examples"):
        classifier().fit(X, Y[:-1])
    with pytest.raises(DataError, match="no examples"):
        classifier().fit(X[:0], Y[:0])
    with pytest.raises(DataError, match="needs targets"):
        classifier().fit(X)
    with pytest.raises(DataError, match=r"0 \.\. 2"):
        classifier().fit(X, Y + 1)
    with pytest.raises(ArgumentError, match="batch_size"):
        classifier().fit(X, Y, batch_size=0)
    layer = Dense(1)
    with pytest.raises(ArgumentError, match="already"):
        Sequential([layer, layer])


def test_a_memory_budget_changes_no_weight():
    def trained(**options):
        seeds.set_seed(3)
        layers = [BatchNormalization() if i % 2 else Conv2D(8, 3) for i in range(6)]
        model = Sequential([Input((12, 12, 3)), *layers, Flatten(), Dense(5)])
        model.compile("sgd", "mse", **options)
        x = np.random.default_rng(0).normal(size=(6, 12, 12, 3)).astype(np.float32)
        model.fit(x, np.ones((6, 5)), epochs=2, batch_size=4, verbose=0, seed=1)
        return model.get_weights()

    for got, right in zip(trained(memory_budget=0.8), trained(), strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-4, atol=1e-5)


def test_compile_arguments_are_remembered_as_plain_data():
    model = classifier()
    assert Sequential().get_compile_config() == {}
    config = model.get_compile_config()
    assert config["metrics"] == ["accuracy"]
    assert config["loss"]["config"]["from_logits"]
    assert config["optimizer"]["class_name"] == "Adam"
    other = Sequential([Dense(3, input_shape=(4,))])
    other.compile_from_config(json.loads(json.dumps(config)))
    assert other.get_compile_config() == config
    assert [m.name for m in other.metrics] == other.metrics_names == ["loss", "accuracy"]
    assert len(other.optimizer.variables) > 2, "its state is made, so that it can be loaded"


@pytest.mark.parametrize("target", ["llvm_cpu", "reference"])
def test_means_over_an_epoch_whatever_the_backend(target):
    """Labels in a column let the mean of the loss and its count be in one kernel."""
    seeds.set_seed(3)
    model = Sequential([Dense(3, "softmax", input_shape=(4,))])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc"], target=target)
    before = model.evaluate(X, Y[:, None], batch_size=10, verbose=0)
    history = model.fit(X, Y[:, None], batch_size=10, verbose=0).history
    assert [history["loss"][0], history["acc"][0]] == pytest.approx(before, rel=1e-5)
