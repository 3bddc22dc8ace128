"""Layers beside real Keras: with the same weights the same outputs, and three training steps."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from oracle import says

import graphc as gx
from graphc.frontend import layers

sys.path.insert(0, str(Path(__file__).parent.parent / "frontend"))

from layer_table import ROWS, Row

pytestmark = pytest.mark.keras
EVERY = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.text)

# Arguments of Keras's layers that ours have not.
LACKING = {
    "activity_regularizer", "quantization_config",
    "rms_scaling", "zero_output_for_mask",
}  # fmt: skip

THEIRS = """
from keras.layers import *
keras.utils.set_random_seed(0)
inputs = [keras.Input(s, dtype=kind) for s in shapes]
layer = {text}
y = layer(inputs if several else inputs[0])
model = keras.Model(inputs, keras.layers.Flatten()(y))
if weights is not None:
    layer.set_weights(weights)
before = layer.get_weights()
first = model.predict(values, verbose=0)
model.compile(keras.optimizers.SGD(0.05), "mse")
losses = []
if steps:
    losses = [float(model.train_on_batch(values, target)) for _ in range(3)]
plain = int | float | bool | str | None
config = {{n: v for n, v in layer.get_config().items() if isinstance(v, plain)}}
[before, first, losses, layer.get_weights(), config]
"""


@EVERY
def test_the_same_numbers(row: Row):
    shapes = row.taken if isinstance(row.taken, list) else [row.taken]
    draw = np.random.default_rng(1)
    if row.integers:
        values = [draw.integers(0, row.integers, (5, *s)) for s in shapes]
    else:
        values = [draw.normal(size=(5, *s)).astype(np.float32) for s in shapes]
    kind = "int64" if row.integers else "float32"
    target = draw.normal(size=(5, int(np.prod(row.given)))).astype(np.float32)
    inputs = [gx.Input(s, dtype=kind) for s in shapes]
    layer = eval(row.text, vars(layers))
    model = gx.Model(
        inputs, layers.Flatten()(layer(inputs if isinstance(row.taken, list) else inputs[0]))
    )
    noise = any(word in row.text for word in ("Dropout", "Noise"))
    steps = bool(layer.trainable_weights) and not noise
    weights, first, losses, after, config = says(
        THEIRS.format(text=row.text), shapes=shapes, kind=kind, weights=None, values=values,
        several=isinstance(row.taken, list), target=target, steps=steps, backend=row.backend,
    )  # fmt: skip
    layer.set_weights(weights)
    np.testing.assert_allclose(model.predict(values, verbose=0), first, rtol=1e-5, atol=1e-6)
    own = layer.get_config()
    same = [n for n in config if n in own and n not in ("name", "groups")]
    assert {n: own[n] for n in same} == {n: config[n] for n in same}
    assert set(config) - set(own) <= LACKING
    if steps:
        model.compile(gx.optimizers.SGD(0.05), "mse")
        found = [model.train_on_batch(values, target) for _ in range(3)]
        np.testing.assert_allclose(found, losses, rtol=1e-5)
        for ours, theirs in zip(layer.get_weights(), after, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
