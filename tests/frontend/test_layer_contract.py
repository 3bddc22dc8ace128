"""What holds of every layer: shapes, configuration, backends, derivatives, a training step."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from layer_table import OURS, ROWS, Row

import graphc as gx
from graphc.frontend import config, dtype_policy, layers
from graphc.ir.tree import leaves
from graphc.ops.leaf import placeholder

PACKAGE = layers.__name__
EVERY = pytest.mark.parametrize("row", [*ROWS, *OURS], ids=lambda row: row.text)


# Public layers that no row can have, and where they are tested.
ELSEWHERE = {
    "Layer": "the base of all", "Wrapper": "a base", "InputLayer": "has no output of its own",
    "Lambda": "its function is not in its configuration (test_layers.py)",
}  # fmt: skip


def made(row: Row, **options: object) -> layers.Layer:
    layer = eval(row.text, vars(layers))
    return type(layer).from_config({**layer.get_config(), **options})


def shapes(row: Row) -> list[tuple[int, ...]]:
    return row.taken if isinstance(row.taken, list) else [row.taken]


def data(row: Row, batch: int, dtype: str = "float32") -> list[np.ndarray]:
    draw = np.random.default_rng(batch)
    if row.integers:
        return [draw.integers(0, row.integers, (batch, *s)) for s in shapes(row)]
    return [draw.normal(size=(batch, *s)).astype(dtype) for s in shapes(row)]


def given(row: Row, inputs: list):
    return inputs if isinstance(row.taken, list) else inputs[0]


def inputs_for(row: Row, batch: int | None, dtype: str = "float32"):
    kind = "int64" if row.integers else dtype
    return [placeholder((batch, *s), kind, name=f"x{i}") for i, s in enumerate(shapes(row))]


def test_every_public_layer_is_in_the_table():
    written = set(re.findall(r"\w+", " ".join(row.text for row in [*ROWS, *OURS])))
    written |= {"StackedRNNCells"} if "RNN([" in " ".join(row.text for row in ROWS) else set()
    public = {k.__name__ for k in layers.KNOWN.values() if k.__module__.startswith(PACKAGE)}
    images = {k.__name__ for k in layers.KNOWN.values() if ".augmentation" in k.__module__}
    assert public - images - written == set(ELSEWHERE)


@EVERY
def test_shapes_and_weights(row):
    layer = made(row)
    y = layer(given(row, inputs_for(row, None)))
    assert y.shape[1:] == row.given
    assert layer.count_params() == row.weights
    assert layer(given(row, inputs_for(row, 3))).shape == (3, *row.given)
    if not isinstance(row.taken, list):
        assert made(row).compute_output_shape((None, *row.taken)) == (None, *row.given)


@EVERY
def test_configuration(row):
    layer = made(row, name="some_name", trainable=False)
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    assert again.name == "some_name"
    layer(given(row, data(row, 2)))
    assert json.loads(json.dumps(layer.get_config())) == config, "building changes no argument"
    assert layer.trainable_weights == []


@EVERY
@pytest.mark.parametrize("batch", [1, 5])
def test_eager_and_compiled_are_the_reference(row, batch):
    layer = made(row)
    values = data(row, batch)
    wanted = layer(given(row, values)).numpy()
    inputs = inputs_for(row, None)
    y = layer(given(row, inputs))
    for target in ("reference", "llvm_cpu"):
        found = gx.function(inputs, y, target=target)(*values)
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


@EVERY
def test_derivatives(row):
    """Along random directions, against central differences in float64."""
    config.set_floatx("float64")
    try:
        layer = made(row)
    finally:
        config.set_floatx("float32")
    inputs, draw = inputs_for(row, 2, "float64"), np.random.default_rng(7)
    y = layer(given(row, inputs))
    for weight in layer.trainable_weights:
        weight.assign(draw.normal(size=weight.storage.shape) + 1.5)
    cotangent = draw.normal(size=y.shape)
    loss = gx.sum(y * cotangent)
    wanted = [*([] if row.integers else inputs), *layer.trainable_weights]
    if not wanted:
        return
    f = gx.function(inputs, [loss, *leaves(gx.grad(loss, tuple(wanted)))], target="reference")
    values = data(row, 2, "float64")
    _, *slopes = f(*values)
    step = 1e-6
    for i, (tensor, slope) in enumerate(zip(wanted, slopes)):
        direction = draw.normal(size=slope.shape)
        ends = [_moved(f, values, tensor, i, sign * step * direction) for sign in (1, -1)]
        difference = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(np.sum(slope * direction), difference, rtol=2e-5, atol=1e-6)


def _moved(f, values, tensor, i, by) -> float:
    if isinstance(tensor, gx.Variable):
        before = tensor.numpy().copy()
        tensor.assign(before + by)
        loss = f(*values)[0]
        tensor.assign(before)
        return float(loss)
    return float(f(*[v + by if k == i else v for k, v in enumerate(values)])[0])


@EVERY
def test_a_training_step(row):
    inputs = [gx.Input(s, dtype="int64" if row.integers else "float32") for s in shapes(row)]
    y = made(row)(given(row, inputs))
    model = gx.Model(inputs, layers.Dense(1)(layers.Flatten()(y)))
    model.compile(gx.optimizers.SGD(0.01), "mse")
    values = data(row, 5)
    target = np.ones((5, 1), np.float32)
    numbers = [model.train_on_batch(values, target) for _ in range(3)]
    assert np.all(np.isfinite(numbers))
    assert model.predict(values, verbose=0).shape == (5, 1)


MIXED = {row.text: row for row in ROWS if row.weights and "Normalization(mean" not in row.text}


@pytest.mark.parametrize("text", MIXED)
def test_mixed_precision(text):
    """Weights stay float32, outputs are bfloat16 and near those of float32."""
    row = MIXED[text]
    plain = made(row)
    values = data(row, 3)
    wanted = plain(given(row, values)).numpy()
    dtype_policy.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = eval(row.text, vars(layers))
    finally:
        dtype_policy.set_dtype_policy("float32")
    mixed(given(row, values))
    mixed.set_weights(plain.get_weights())
    found = mixed(given(row, values))
    assert found.dtype.name == "bfloat16"
    assert all(w.dtype.name == "float32" for w in mixed.trainable_weights)
    np.testing.assert_allclose(
        found.numpy().astype(np.float32), wanted, atol=0.03 * np.abs(wanted).max() + 0.03
    )
