"""Beside Keras: the same histories, numbers and weights after whole small trainings."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import says

from graphc.frontend.layers import BatchNormalization, Dense, Input
from graphc.frontend.models import Model
from graphc.frontend.optimizers import Adam

RNG = np.random.default_rng(0)
WEIGHTS = [RNG.normal(size=s).astype(np.float32) * 0.5 for s in ((3, 4), (4, 1), (4, 3))]
X = RNG.normal(size=(12, 3)).astype(np.float32)
A, LABELS = RNG.normal(size=(12, 1)).astype(np.float32), RNG.integers(0, 3, (12, 1))
B = np.eye(3, dtype=np.float32)[LABELS[:, 0]]
W, V = (RNG.uniform(0.1, 2, 12).astype(np.float32) for _ in range(2))

# The outputs (of out_a, out_b), arguments of compile and of fit. All batches have one size, since
# Keras weighs the numbers of a smaller one like those of the others in some of its loops.
CASES = {
    "plain": ("a", {"loss": "mse", "metrics": ["mae"]}, {"y": A}),
    "sample weights": (
        "a", {"loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mse"]},
        {"y": A, "sample_weight": W},
    ),
    "class weights": (
        "b", {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
        {"y": LABELS, "class_weight": {0: 2.0, 2: 0.5}, "steps_per_epoch": 1},
    ),
    "class weights of rows": (
        "b", {"loss": "categorical_crossentropy", "weighted_metrics": ["acc"]},
        {"y": B, "class_weight": {0: 2.0, 1: 3.0}},
    ),
    "validation split": (
        "a", {"loss": "mae", "weighted_metrics": ["mse"]},
        {"y": A, "validation_split": 0.25, "sample_weight": W},
    ),
    "two outputs": (
        "ab", {"loss": "mse", "metrics": ["mae", ["mse", "mae"]]}, {"y": [A, B]},
    ),
    "weights of losses": (
        "ab",
        {"loss": ["mse", "categorical_crossentropy"], "loss_weights": [0.5, 2.0],
         "metrics": {"out_b": "accuracy"}},
        {"y": [A, B], "sample_weight": [W, V]},
    ),
    "by name": (
        "ab",
        {"loss": {"out_b": "sparse_categorical_crossentropy", "out_a": "huber"},
         "loss_weights": {"out_b": 0.1, "out_a": 1.0},
         "weighted_metrics": {"out_a": ["mae"], "out_b": ["acc"]}},
        {"y": {"out_a": A, "out_b": LABELS}},
    ),
    "one sample weight": ("ab", {"loss": "mse"}, {"y": [A, B], "sample_weight": W}),
    "one loss": ("ab", {"loss": [None, "mse"]}, {"y": [A, B]}),
    "one loss, its targets alone": ("ab", {"loss": {"out_b": "mse", "out_a": None}},
                                    {"y": [A, B]}),
    "steps": ("a", {"loss": "mse"}, {"y": A, "steps_per_epoch": 2, "epochs": 2}),
    "validation": (
        "a", {"loss": "mse", "metrics": ["mae"]},
        {"y": A, "validation_data": (X[:6], A[:6], W[:6]), "validation_batch_size": 2,
         "validation_freq": 2, "epochs": 3, "initial_epoch": 1},
    ),
}  # fmt: skip

PROGRAM = """
x = keras.Input((3,), name="x")
hidden = keras.layers.Dense(4, "tanh", kernel_regularizer="l2", name="hidden")(x)
hidden = keras.layers.BatchNormalization(name="norm")(hidden)
a = keras.layers.Dense(1, use_bias=False, name="out_a")(hidden)
b = keras.layers.Dense(3, "softmax", use_bias=False, name="out_b")(hidden)
model = keras.Model(x, {"a": a, "b": b, "ab": [a, b]}[outputs])
model.compile(keras.optimizers.Adam(0.05), **compiled)
kernels = {"hidden": weights[0], "out_a": weights[1], "out_b": weights[2]}
for layer in model.layers:
    if layer.name in kernels:
        layer.set_weights([kernels[layer.name], *layer.get_weights()[1:]])
history = model.fit(data, batch_size=3, shuffle=False, verbose=0, **{"epochs": 2, **given}).history
y, w = given["y"], given.get("sample_weight")
evaluated = model.evaluate(data, y, batch_size=3, sample_weight=w, verbose=0)
model.reset_metrics()
for _ in range(2):
    on_batch = model.train_on_batch(data, y, sample_weight=w)
{k: [float(x) for x in v] for k, v in history.items()}, evaluated, on_batch, model.get_weights()
"""


def ours(outputs, compiled, given):
    x = Input((3,), name="x")
    hidden = Dense(4, "tanh", kernel_regularizer="l2", name="hidden")(x)
    hidden = BatchNormalization(name="norm")(hidden)
    a = Dense(1, use_bias=False, name="out_a")(hidden)
    b = Dense(3, "softmax", use_bias=False, name="out_b")(hidden)
    model = Model(x, {"a": a, "b": b, "ab": [a, b]}[outputs])
    model.compile(Adam(0.05), **compiled)
    kernels = {"hidden": WEIGHTS[0], "out_a": WEIGHTS[1], "out_b": WEIGHTS[2]}
    for layer in model.layers:
        if layer.name in kernels:
            layer.set_weights([kernels[layer.name], *layer.get_weights()[1:]])
    options = {"epochs": 2, **given}
    history = model.fit(X, batch_size=3, shuffle=False, verbose=0, **options).history
    y, w = given["y"], given.get("sample_weight")
    evaluated = model.evaluate(X, y, batch_size=3, sample_weight=w, verbose=0)
    model.reset_metrics()
    for _ in range(2):
        on_batch = model.train_on_batch(X, y, sample_weight=w)
    return dict(history), evaluated, on_batch, model.get_weights()


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:your input ran out of data")
@pytest.mark.parametrize("case", CASES)
def test_whole_trainings(case):
    outputs, compiled, given = CASES[case]
    expected = says(
        PROGRAM, outputs=outputs, compiled=compiled, given=given, weights=WEIGHTS, data=X
    )
    got = ours(outputs, compiled, given)
    history, evaluated, on_batch, weights = expected
    # Keras sorts them, or not.
    assert set(got[0]) == set(history)
    for name, values in history.items():
        np.testing.assert_allclose(got[0][name], values, rtol=1e-5, err_msg=name)
    for found, wanted in ((got[1], evaluated), (got[2], on_batch)):
        np.testing.assert_allclose(np.ravel(found), np.ravel(wanted), rtol=1e-5)
    for a, b in zip(got[3], weights, strict=True):
        # Small elements are as exact as large ones: after ten steps of Adam, whose 1 - 0.999**t has
        # few digits in float32, Keras is 2e-5 of the largest away from the same in float64.
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * float(np.abs(b).max()))
