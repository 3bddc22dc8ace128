"""Models made from tensors: several inputs and outputs, shared layers, models as layers, parts."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.errors import ArgumentError, ModeError, ShapeError
from graphc.frontend.layers import (
    Add,
    Concatenate,
    Conv2D,
    Dense,
    Dot,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
    Multiply,
)
from graphc.frontend.models import Model, Sequential

X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def twin():
    """Two inputs through one shared layer, two outputs."""
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = Dense(3, activation="tanh", name="shared")
    left, right = shared(a), shared(b)
    product = Multiply(name="product")([left, right])
    return Model([a, b], {"sum": Dense(1, name="head")(left + 2 * right), "product": product})


def test_a_model_of_several_inputs_and_outputs():
    model = twin()
    found = model([X, X * 2])
    kernel, bias = model.get_layer("shared").get_weights()
    left, right = np.tanh(X @ kernel + bias), np.tanh(2 * X @ kernel + bias)
    np.testing.assert_allclose(found["product"].numpy(), left * right, rtol=1e-5)
    head, offset = model.get_layer("head").get_weights()
    np.testing.assert_allclose(
        found["sum"].numpy(), (left + 2 * right) @ head + offset, rtol=1e-5, atol=1e-6
    )
    assert model.count_params() == 15 + 4
    predicted = model.predict([X, X * 2], batch_size=2)
    np.testing.assert_allclose(predicted["product"], found["product"].numpy(), rtol=1e-5)


def test_layers_stand_in_the_order_of_their_distance_from_the_outputs():
    model = twin()
    assert [layer.name for layer in model.layers][2:] == ["shared", "product", "head"]
    assert [type(layer).__name__ for layer in model.layers[:2]] == ["InputLayer"] * 2
    assert [t.name for t in model.inputs] == ["a", "b"]
    assert model.get_layer(index=2).name == "shared"


def test_it_trains_as_the_same_sequential_model_does():
    def sequential():
        return Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])

    def functional():
        x = Input((4,))
        return Model(x, Dense(1)(Dense(8, "relu")(x)))

    losses = []
    for make in (sequential, functional):
        gx.set_seed(3)
        model = make()
        model.compile("sgd", "mse")
        losses.append(model.fit(X, X[:, :1], epochs=3, verbose=0, seed=1).history["loss"])
    assert losses[0] == losses[1]


def test_dropout_acts_in_training_only():
    x = Input((1000,))
    model = Model(x, Dropout(0.5)(x))
    ones = np.ones((2, 1000), np.float32)
    np.testing.assert_array_equal(model(ones).numpy(), ones)
    assert set(np.unique(model(ones, training=True).numpy())) == {0, 2}
    frozen = Model(x, Dropout(0.5)(x, training=False))
    np.testing.assert_array_equal(frozen(ones, training=True).numpy(), ones)


def test_operations_between_layers_follow_the_size_of_the_batch():
    x = Input((4, 6))
    flat = gx.reshape(Dense(2)(x), (x.shape[0], 8))
    centred = flat - gx.mean(flat, axis=0)
    model = Model(x, Dense(3)(centred * gx.size_of(x.shape[0], "float32")))
    for batch in (1, 2, 7):
        data = np.random.default_rng(batch).normal(size=(batch, 4, 6)).astype(np.float32)
        kernels = model.get_weights()
        h = (data @ kernels[0] + kernels[1]).reshape(batch, 8)
        wanted = ((h - h.mean(0)) * batch) @ kernels[2] + kernels[3]
        np.testing.assert_allclose(model(data).numpy(), wanted, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.predict(data), wanted, rtol=1e-4, atol=1e-5)


def test_models_are_layers():
    base = Sequential([Input((8, 8, 1)), Conv2D(2, 3), MaxPooling2D(2), Flatten()], name="base")
    base.trainable = False
    x = Input((8, 8, 1))
    model = Model(x, Dense(2)(base(x)))
    assert [layer.name for layer in model.layers][1] == "base"
    assert model.trainable_weights == model.layers[-1].weights
    assert model.count_params() == 20 + 18 * 2 + 2


def test_a_part_of_a_model_is_a_model():
    model = Sequential([Dense(5, "relu", input_shape=(4,)), Dense(3, "tanh"), Dense(2)])
    features = Model(model.inputs, model.layers[1].output)
    first, second = model.layers[0], model.layers[1]
    np.testing.assert_array_equal(features([X]).numpy(), second(first(X)).numpy())
    rest = Model(model.layers[1].output, model.output)
    np.testing.assert_array_equal(rest(features([X])).numpy(), model(X).numpy())


def test_gradients_by_inputs_and_inner_outputs():
    model = Sequential([Dense(5, "tanh", input_shape=(4,)), Dense(1)])
    inner = model.layers[0].output
    f = gx.function(model.inputs, list(gx.grad(gx.sum(model.output), (model.inputs[0], inner))))
    by_input, by_inner = f(X)
    k, _, head, _ = model.get_weights()
    np.testing.assert_allclose(by_inner, np.broadcast_to(head.T, (5, 5)), rtol=1e-6)
    slope = 1 - np.tanh(X @ k) ** 2
    np.testing.assert_allclose(by_input, (head.T * slope) @ k.T, rtol=1e-4, atol=1e-6)


def test_a_model_built_later_has_inputs_too():
    model = Sequential([Dense(3), Dense(2)])
    with pytest.raises(ModeError, match="input_shape"):
        _ = model.inputs
    model(X)
    assert model.inputs[0].shape[1:] == (4,)
    assert Model(model.input, model.layers[0].output)(X).shape == (5, 3)
    model.add(Dense(7))
    assert model.output.shape[1:] == (7,)
    model.pop()
    assert model.output.shape[1:] == (2,)


def test_subclasses_may_be_made_from_tensors():
    class Named(Model):
        pass

    x = Input((4,))
    assert Named(x, Dense(2)(x))(X).shape == (5, 2)


def test_merging():
    a, b = np.ones((2, 3, 4), np.float32), np.full((2, 4, 5), 2, np.float32)
    assert Dot(axes=(2, 1))([a, b]).numpy().tolist() == np.full((2, 3, 5), 8).tolist()
    np.testing.assert_allclose(Dot(axes=1, normalize=True)([X, X]).numpy(), np.ones((5, 1)), 1e-6)
    assert Concatenate(axis=1)([a, a]).shape == (2, 6, 4)
    assert Add()([a, np.ones((2, 4), np.float32)]).shape == (2, 3, 4)


def test_errors():
    x, y = Input((4,), name="given"), Input((4,), name="forgotten")
    with pytest.raises(ArgumentError, match="forgotten"):
        Model(x, Add()([x, y]))
    with pytest.raises(ArgumentError, match="begins at an Input"):
        Model(x + 1, x + 1)
    with pytest.raises(ArgumentError, match="inputs and outputs"):
        Model(x)
    with pytest.raises(ArgumentError, match="another number of inputs"):
        twin()([X])
    with pytest.raises(ShapeError, match="another shape"):
        Model(x, x * 2)(np.ones((2, 5), np.float32))
    with pytest.raises(ArgumentError, match="list of inputs"):
        Add()(X)
    with pytest.raises(ArgumentError, match="Dot sums over no batch"):
        Dot(axes=0)([X, X])


def test_values_get_the_number_of_axes_that_inputs_declare():
    x = gx.layers.Input(())
    model = gx.Model(x, gx.layers.Rescaling(2.0)(x))
    numbers = np.arange(5, dtype=np.float32)
    assert model.predict(numbers, verbose=0).tolist() == [0, 2, 4, 6, 8]
    assert model.predict(iter([numbers[:2], numbers[2:]]), verbose=0).tolist() == [0, 2, 4, 6, 8]
    alone = gx.Sequential([gx.layers.InputLayer(()), gx.layers.Identity()])
    assert alone.predict(numbers, verbose=0).shape == (5,)
    column = gx.Sequential([gx.layers.Input((3, 1)), gx.layers.Identity()])
    assert column.predict(np.ones((5, 3)), verbose=0).shape == (5, 3, 1)
