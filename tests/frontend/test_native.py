"""Training in native code follows the reference, for whole and partial batches."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.frontend import seeds
from graphc.frontend.layers import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
)
from graphc.frontend.models import Sequential

RANDOM = np.random.default_rng(4)
X, Y = RANDOM.normal(size=(22, 10, 10, 2)).astype(np.float32), RANDOM.integers(0, 5, 22)


def train(target, optimizer):
    seeds.set_seed(6)
    model = Sequential([
        Conv2D(8, 3, activation="relu", padding="same", kernel_regularizer="l2"),
        BatchNormalization(), MaxPooling2D(), Conv2D(6, 3, activation="tanh", strides=2),
        AveragePooling2D(), Flatten(), Dropout(0.3), Dense(5, activation="softmax"),
    ])  # fmt: skip
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"], target=target)
    history = model.fit(X, Y, batch_size=8, epochs=2, verbose=0, seed=1, validation_split=0.3)
    return history.history, model.get_weights(), model.predict(X, batch_size=7, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_native_training_follows_the_reference(optimizer):
    curves, weights, outputs = train("llvm_cpu", optimizer)
    expected_curves, expected_weights, expected_outputs = train("reference", optimizer)
    for name, values in expected_curves.items():
        assert curves[name] == pytest.approx(values, rel=1e-3), name
    for got, expected in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(got, expected, rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(outputs, expected_outputs, rtol=2e-3, atol=1e-5)
