"""Files exchanged with real Keras, in both directions: the same outputs, and the same training."""

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
FORMATS = pytest.mark.parametrize("suffix", [".keras", ".h5"])
DRAW = np.random.default_rng(1)

OF_ONE_LAYER = """
from keras.layers import *
keras.utils.set_random_seed(1)
inputs = [keras.Input(s, dtype=kind) for s in shapes]
y = {text}(inputs if several else inputs[0])
model = keras.Model(inputs, keras.layers.Flatten()(y))
for w in model.weights:
    w.assign(np.random.default_rng(2).uniform(0.1, 1.0, w.shape))
for layer in model.layers:
    if isinstance(layer, Normalization):
        layer.finalize_state()  # it computes with copies of its weights
model.save(path)
model.predict(values, verbose=0)
"""
READ = "keras.models.load_model(path).predict(values, verbose=0)"


def inputs_of(row: Row) -> tuple[list[tuple[int, ...]], list[np.ndarray], str]:
    shapes = row.taken if isinstance(row.taken, list) else [row.taken]
    if row.integers:
        return shapes, [DRAW.integers(0, row.integers, (5, *s)) for s in shapes], "int64"
    return shapes, [DRAW.normal(size=(5, *s)).astype(np.float32) for s in shapes], "float32"


@FORMATS
@EVERY
def test_layers_that_keras_wrote(row: Row, suffix, tmp_path):
    shapes, values, kind = inputs_of(row)
    path = str(tmp_path / f"model{suffix}")
    expected = says(
        OF_ONE_LAYER.format(text=row.text), shapes=shapes, kind=kind, values=values, path=path,
        several=isinstance(row.taken, list), backend=row.backend,
    )  # fmt: skip
    model = gx.models.load_model(path)
    np.testing.assert_allclose(model.predict(values, verbose=0), expected, rtol=1e-5, atol=1e-6)


@FORMATS
@EVERY
def test_layers_that_keras_reads(row: Row, suffix, tmp_path):
    shapes, values, kind = inputs_of(row)
    path = tmp_path / f"model{suffix}"
    inputs = [gx.Input(s, dtype=kind) for s in shapes]
    layer = eval(row.text, vars(layers))
    y = layer(inputs if isinstance(row.taken, list) else inputs[0])
    model = gx.Model(inputs, layers.Flatten()(y))
    model.set_weights([DRAW.uniform(0.1, 1.0, w.shape) for w in model.weights])
    model.save(path)
    found = says(READ, values=values, path=str(path), backend=row.backend)
    np.testing.assert_allclose(model.predict(values, verbose=0), found, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------------------- forms of models

MODELS = {
    "shared": """
a, b, dense = Input((4,)), Input((4,)), Dense(3, activation="tanh")
model = Model([a, b], Add()([dense(a), dense(b)]))""",
    "dict of outputs": """
x = Input((4,))
hidden = Dense(5)(x)
model = Model(x, {"sum": Dense(1)(hidden), "kind": Dense(2, activation="softmax")(hidden)})""",
    "nested": """
inner = Sequential([Input((4,)), Dense(3), BatchNormalization(), Dense(2)])
a = Input((4,))
middle = Model(a, Concatenate()([inner(a), Dense(2)(a)]), name="middle")
x = Input((4,))
model = Model(x, Add()([middle(x), middle(Dense(4)(x))]))""",
    "recurrent": """
tokens = Input((5,), dtype="int32")
x = Embedding(7, 4, mask_zero=True)(tokens)
x = Bidirectional(LSTM(3, return_sequences=True))(x)
y, h, c = LSTM(2, return_sequences=True, return_state=True)(x)
z = LSTM(2)(y, initial_state=[h, c])
model = Model(tokens, [TimeDistributed(Dense(2))(y), z])""",
    "list": """
model = Sequential([Input((6, 6, 1)), Conv2D(4, 3, activation="relu"), MaxPooling2D(),
    Flatten(), Dropout(0.5), Dense(3, activation="softmax")])""",
    "operations": """
a, b = Input((4, 3)), Input((4, 3))
hidden = Dense(3)((a + b) * 2)
shown = abs(2 - hidden) / (1 + b**2)
row = -shown[:, 0] + shown[:, 1]
model = Model([a, b], [Dense(2)(shown), row * 3.0])""",
    "products": """
a, b, row = Input((4, 3)), Input((3, 4)), Input((3,))
scores = Softmax()((a @ b) * 0.5)
model = Model([a, b, row], [scores @ a, Dense(2)(a) @ np.ones((2, 3), "float32"),
    row @ np.arange(6.0, dtype="float32").reshape(3, 2)])""",
    "crossing": """
x = Input((4,))
late = Dense(3, name="b")
early = Dense(3, name="a")
y = early(Dense(2)(x))
model = Model(x, [late(x), y, Dense(3)(y)])""",
}
BUILD = """
from keras.layers import *
from keras import Model, Sequential
{text}
for w in model.weights:
    w.assign(np.random.default_rng(w.shape[-1]).uniform(0.1, 1.0, w.shape))
model.save(path)
model.save_weights(weights)
model.predict(values, verbose=0)
"""


def ours(text: str) -> gx.Model:
    space = {**vars(layers), "np": np, "Model": gx.Model, "Sequential": gx.Sequential}
    exec(text, space)
    model = space["model"]
    assert isinstance(model, gx.Model)
    return model


def values_of(model: gx.Model) -> list[np.ndarray]:
    return [
        DRAW.integers(1, 7, (3, *t.shape[1:])) if t.dtype.is_integer
        else DRAW.normal(size=(3, *t.shape[1:])).astype(np.float32)
        for t in model.inputs
    ]  # fmt: skip


def close(a: object, b: object) -> None:
    if isinstance(a, dict):
        assert list(a) == list(b)
        a, b = list(a.values()), list(b.values())
    if not isinstance(a, list | tuple):
        a, b = [a], [b]
    for one, other in zip(a, b, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@FORMATS
@pytest.mark.parametrize("name", MODELS)
def test_models_that_keras_wrote(name, suffix, tmp_path):
    values = values_of(ours(MODELS[name]))
    values = values if len(values) > 1 else values[0]
    path, weights = str(tmp_path / f"model{suffix}"), str(tmp_path / "w.weights.h5")
    expected = says(BUILD.format(text=MODELS[name]), values=values, path=path, weights=weights)
    model = gx.models.load_model(path)
    close(model.predict(values, verbose=0), expected)
    fresh = ours(MODELS[name])
    fresh.load_weights(weights)
    close(fresh.predict(values, verbose=0), expected)


@FORMATS
@pytest.mark.parametrize("name", MODELS)
def test_models_that_keras_reads(name, suffix, tmp_path):
    model = ours(MODELS[name])
    values = values_of(model)
    values = values if len(values) > 1 else values[0]
    model.set_weights([DRAW.uniform(0.1, 1.0, w.shape) for w in model.weights])
    model.save(tmp_path / f"model{suffix}")
    model.save_weights(tmp_path / "w.weights.h5")
    expected = model.predict(values, verbose=0)
    close(says(READ, values=values, path=str(tmp_path / f"model{suffix}")), expected)
    close(gx.models.load_model(tmp_path / f"model{suffix}").predict(values, verbose=0), expected)
    program = (
        "from keras.layers import *\nfrom keras import Model, Sequential\n"
        f"{MODELS[name]}\nmodel.load_weights(path)\nmodel.predict(values, verbose=0)"
    )
    close(says(program, values=values, path=str(tmp_path / "w.weights.h5")), expected)


# ---------------------------------------------------------------------------- training goes on

OPTIMIZERS = [
    "SGD(0.05, momentum=0.9)",
    "Adam(0.01)",
    "Adam(0.01, amsgrad=True, clipnorm=1.0)",
    "AdamW(0.01, weight_decay=0.01)",
    "RMSprop(0.01, momentum=0.5, centered=True)",
    "Nadam(0.01)",
    "Adagrad(0.1)",
    "Adadelta(1.0)",
    "Adamax(0.01)",
    "Ftrl(0.1)",
    "Lion(0.01)",
    "SGD(schedules.ExponentialDecay(0.1, 2, 0.5))",
    "Adam(0.01, use_ema=True)",
]
TRAIN = """
from keras.layers import *
from keras.optimizers import *
from keras.optimizers import schedules
model = keras.Sequential([Input((3,)), Dense(4, activation="tanh"), Dense(1)])
model.compile({optimizer}, "mse", metrics=["mae"])
for _ in range(3):
    model.train_on_batch(x, y)
model.save(path)
for _ in range(3):
    model.train_on_batch(x, y)
model.get_weights()
"""
GO_ON = """
model = keras.models.load_model(path)
for _ in range(3):
    model.train_on_batch(x, y)
model.get_weights()
"""


@FORMATS
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_that_keras_began(optimizer, suffix, tmp_path):
    x, y = DRAW.normal(size=(8, 3)).astype(np.float32), DRAW.normal(size=(8, 1)).astype(np.float32)
    path = str(tmp_path / f"model{suffix}")
    expected = says(TRAIN.format(optimizer=optimizer), x=x, y=y, path=path)
    model = gx.models.load_model(path)
    for _ in range(3):
        model.train_on_batch(x, y)
    close(model.get_weights(), expected)


# Keras 3.15 does not go on from its own .h5: its optimizer is built for no weights there.
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_that_keras_ends(optimizer, tmp_path):
    x, y = DRAW.normal(size=(8, 3)).astype(np.float32), DRAW.normal(size=(8, 1)).astype(np.float32)
    path = str(tmp_path / "model.keras")
    model = gx.Sequential([layers.Dense(4, "tanh", input_shape=(3,)), layers.Dense(1)])
    model.compile(eval(optimizer, vars(gx.optimizers)), "mse", metrics=["mae"])
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(path)
    for _ in range(3):
        model.train_on_batch(x, y)
    close(model.get_weights(), says(GO_ON, x=x, y=y, path=path))
