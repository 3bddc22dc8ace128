"""Every optimizer with every loss beside real Keras: losses and weights of three training steps."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import says

import graphc as gx
from graphc.frontend import losses, optimizers
from graphc.knobs import settings

pytestmark = pytest.mark.keras

DRAW = np.random.default_rng(5)
N, K = 6, 3
X = DRAW.normal(size=(N, 4)).astype(np.float32)
WEIGHTS = [
    DRAW.normal(size=(4, K)).astype(np.float32),
    DRAW.normal(size=K).astype(np.float32),
]
LABELS = DRAW.integers(0, K, N)
HOT = np.eye(K, dtype=np.float32)[LABELS]
BITS = DRAW.integers(0, 2, (N, K)).astype(np.float32)
NUMBERS = DRAW.normal(size=(N, K)).astype(np.float32)
SIZES = DRAW.uniform(0.5, 2, size=(N, K)).astype(np.float32)

# The loss, the activation of the only layer, the targets.
LOSSES = {
    "MeanSquaredError()": ("linear", NUMBERS),
    "MeanAbsoluteError()": ("linear", NUMBERS),
    "MeanAbsolutePercentageError()": ("linear", SIZES),
    "MeanSquaredLogarithmicError()": ("softplus", SIZES),
    "Huber(0.5)": ("linear", NUMBERS),
    "LogCosh()": ("linear", NUMBERS),
    "CosineSimilarity()": ("linear", NUMBERS),
    "Poisson()": ("softplus", SIZES),
    "KLDivergence()": ("softmax", HOT),
    "Hinge()": ("tanh", BITS),
    "SquaredHinge()": ("tanh", BITS),
    "CategoricalHinge()": ("linear", HOT),
    "BinaryCrossentropy()": ("sigmoid", BITS),
    "BinaryCrossentropy(from_logits=True, label_smoothing=0.1)": ("linear", BITS),
    "CategoricalCrossentropy()": ("softmax", HOT),
    "CategoricalCrossentropy(label_smoothing=0.2)": ("softmax", HOT),
    "SparseCategoricalCrossentropy()": ("softmax", LABELS),
    "SparseCategoricalCrossentropy(from_logits=True)": ("linear", LABELS),
    "BinaryFocalCrossentropy()": ("sigmoid", BITS),
    "CategoricalFocalCrossentropy()": ("softmax", HOT),
    "Dice()": ("sigmoid", BITS),
    "Tversky(alpha=0.3, beta=0.7)": ("sigmoid", BITS),
    "CategoricalGeneralizedCrossEntropy()": ("softmax", LABELS),
}
OPTIMIZERS = (
    "SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta", "Adafactor",
    "Ftrl", "Lion", "Lamb",
)  # fmt: skip

THEIRS = """
found = []
for loss, (activation, y) in table.items():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation=activation)])
    model.set_weights(weights)
    loss = eval("keras.losses." + loss)
    model.compile(getattr(keras.optimizers, name)(0.02), loss, run_eagerly=True)
    numbers = [float(model.train_on_batch(x, y)) for _ in range(3)]
    found.append([numbers, model.get_weights()])
found
"""


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_three_steps(name):
    wanted = says(THEIRS, name=name, table=LOSSES, weights=WEIGHTS, x=X)
    for (text, (activation, y)), (numbers, weights) in zip(LOSSES.items(), wanted, strict=True):
        model = gx.Sequential([gx.layers.Dense(K, activation=activation, input_shape=(4,))])
        model.set_weights(WEIGHTS)
        with settings(backend="reference"):
            model.compile(vars(optimizers)[name](0.02), eval(text, vars(losses)))
            found = [model.train_on_batch(X, y) for _ in range(3)]
        np.testing.assert_allclose(found, numbers, rtol=1e-5, err_msg=text)
        for ours, theirs in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5, err_msg=text)
