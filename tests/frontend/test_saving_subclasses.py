"""Models of the user's own classes: with the class as it, without it as what it computes."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.errors import ModeError, UnknownNameError
from graphc.frontend.layers import LSTM, BatchNormalization, Dense, Dropout, Layer
from graphc.frontend.models.restored import Restored
from graphc.frontend.saving.paths import weights_by_path

DRAW = np.random.default_rng(3)
X = DRAW.normal(size=(12, 4)).astype(np.float32)
Y = X[:, :1] ** 2


class Gate(Layer):
    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1],), "ones", name="w", constraint="non_neg")

    def call(self, inputs):
        return inputs * self.w


class Net(gx.Model):
    """Everything that a graph must keep: weights in lists and dicts, draws, running means."""

    def __init__(self, units=6, rate=0.5):
        super().__init__()
        self.blocks = [Dense(units, "relu", kernel_regularizer="l2"), Dense(units)]
        self.parts = {"gate": Gate(), "norm": BatchNormalization()}
        self.noise = Dropout(rate)
        self.head = Dense(1, activity_regularizer="l1")

    def call(self, inputs, training=False):
        for block in self.blocks:
            inputs = block(inputs)
        if training:
            inputs = self.noise(inputs)
        return self.head(self.parts["gate"](self.parts["norm"](inputs, training=training)))


class Two(gx.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.memory = LSTM(3, return_state=True)

    def call(self, inputs):
        y, h, _ = self.memory(inputs["words"])
        return {"state": h, "sum": y + inputs["more"]}


class Words(gx.Model):
    """One that cannot be built into a graph of training."""

    def call(self, inputs, training=False):
        if training and bool(gx.mean(inputs) > 0):
            return inputs
        return inputs * 2


def trained() -> Net:
    model = Net()
    model.compile(gx.optimizers.SGD(0.01, momentum=0.9), "mse")
    model.fit(X, Y, 4, 2, verbose=0, seed=1)
    return model


def test_the_class_is_used_where_it_is_known(tmp_path):
    model = trained()
    model.save(tmp_path / "m.graphc")
    again = gx.models.load_model(tmp_path / "m.graphc", custom_objects={"Net": Net, "Gate": Gate})
    assert type(again) is Net
    assert list(weights_by_path(again)) == list(weights_by_path(model))
    assert "parts/gate/w" in weights_by_path(model)
    assert "blocks/dense_1/kernel" in weights_by_path(model)
    np.testing.assert_array_equal(model.predict(X, verbose=0), again.predict(X, verbose=0))


def test_without_the_class_it_predicts_and_trains_the_same(tmp_path):
    model = trained()
    model.save(tmp_path / "m.graphc")
    again = gx.models.load_model(tmp_path / "m.graphc")
    assert type(again) is Restored
    for count in (1, 5, 12):
        np.testing.assert_array_equal(
            model.predict(X[:count], verbose=0), again.predict(X[:count], verbose=0)
        )
    np.testing.assert_array_equal(model(X).numpy(), again(X).numpy())
    for one in (model, again, model, again):
        one.train_on_batch(X, Y)
    for path, weight in weights_by_path(again).items():
        np.testing.assert_allclose(
            weight.numpy(), weights_by_path(model)[path].numpy(), rtol=1e-4, atol=1e-6
        )
    assert again.weights[0].constraint is None
    assert weights_by_path(again)["parts/gate/w"].constraint is not None


def test_what_was_restored_is_saved_again(tmp_path):
    model = trained()
    model.save(tmp_path / "m.graphc")
    again = gx.models.load_model(tmp_path / "m.graphc")
    again.save(tmp_path / "again.graphc")
    third = gx.models.load_model(tmp_path / "again.graphc")
    np.testing.assert_array_equal(model.predict(X, verbose=0), third.predict(X, verbose=0))
    third.load_weights(tmp_path / "m.graphc")


def test_nested_inputs_and_outputs(tmp_path):
    model = Two()
    x = {"words": DRAW.normal(size=(5, 7, 2)).astype(np.float32), "more": X[:5, :3]}
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "m.graphc")
    again = gx.models.load_model(tmp_path / "m.graphc")
    found = again.predict({n: a[:2] for n, a in x.items()}, verbose=0)
    for name in ("state", "sum"):
        np.testing.assert_allclose(found[name], expected[name][:2], rtol=1e-6)


def test_training_that_has_no_graph(tmp_path):
    model = Words()
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / "m.graphc")
    again = gx.models.load_model(tmp_path / "m.graphc")
    np.testing.assert_array_equal(again.predict(X, verbose=0), expected)
    again.compile("sgd", "mse")
    with pytest.raises(ModeError, match="without what it computes in training"):
        again.fit(X, X, verbose=0)


def test_layers_of_the_user_in_a_functional_model(tmp_path):
    x = gx.Input((4,))
    model = gx.Model(x, Dense(2)(Gate()(x)))
    model.save(tmp_path / "m.graphc")
    again = gx.models.load_model(tmp_path / "m.graphc")
    assert type(again) is Restored
    np.testing.assert_array_equal(model.predict(X, verbose=0), again.predict(X, verbose=0))
    own = gx.models.load_model(tmp_path / "m.graphc", custom_objects={"Gate": Gate})
    assert type(own.layers[1]) is Gate


def test_a_model_that_was_never_called(tmp_path):
    model = Net()
    model.save(tmp_path / "m.graphc")
    with pytest.raises(UnknownNameError, match="Net"):
        gx.models.load_model(tmp_path / "m.graphc")
    again = gx.models.load_model(tmp_path / "m.graphc", custom_objects={"Net": Net})
    assert not again.built


def test_arguments_without_a_form(tmp_path):
    class Odd(gx.Model):
        def __init__(self, thing):
            super().__init__()
            self.thing = thing

        def call(self, inputs):
            return inputs + 1

    model = Odd(object())
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / "m.graphc")
    again = gx.models.load_model(tmp_path / "m.graphc")
    np.testing.assert_array_equal(again.predict(X, verbose=0), expected)
