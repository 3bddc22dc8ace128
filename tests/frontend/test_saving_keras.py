"""Keras's formats, written and read here; tests/keras compares them with real Keras."""

from __future__ import annotations

import builtins
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from damage import corrupted
from layer_table import ROWS, Row
from test_saving import inputs_of, model_of, recurrent, same, several_outputs, shared_layer

import graphc as gx
from graphc.errors import (
    ArgumentError,
    DataError,
    GraphcError,
    MissingExtraError,
    NotSupportedError,
)
from graphc.frontend.layers import BatchNormalization, Dense, SumPooling1D

h5py = pytest.importorskip("h5py")
FORMATS = pytest.mark.parametrize("suffix", [".keras", ".h5"])


@FORMATS
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.text)
def test_every_layer(row: Row, suffix, tmp_path):
    model, values = model_of(row)
    model.save(tmp_path / f"m{suffix}")
    again = gx.models.load_model(tmp_path / f"m{suffix}")
    same(model.predict(values, verbose=0), again.predict(values, verbose=0))


@FORMATS
@pytest.mark.parametrize("make", [shared_layer, several_outputs, recurrent])
def test_every_form_of_model(make, suffix, tmp_path):
    model = make()
    values = inputs_of(model)
    model.save(tmp_path / f"m{suffix}")
    model.save_weights(tmp_path / "m.weights.h5")
    again = gx.models.load_model(tmp_path / f"m{suffix}")
    same(model.predict(values, verbose=0), again.predict(values, verbose=0))
    for name in (f"m{suffix}", "m.weights.h5"):
        fresh = make()
        fresh.load_weights(tmp_path / name)
        same(model.predict(values, verbose=0), fresh.predict(values, verbose=0))


RATES = {"number": 0.1, "cosine": gx.optimizers.schedules.CosineDecay(0.1, 9)}


@FORMATS
@pytest.mark.parametrize("rate", RATES.values(), ids=RATES)
def test_training_goes_on(rate, suffix, tmp_path):
    x, y = np.ones((8, 3), np.float32), np.zeros((8, 1), np.float32)
    model = gx.Sequential([Dense(4, input_shape=(3,)), BatchNormalization(), Dense(1)])
    model.compile(gx.optimizers.Adam(rate), "mse", metrics=["mae"])
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / f"m{suffix}")
    again = gx.models.load_model(tmp_path / f"m{suffix}")
    for one in (model, again):
        one.fit(x, y, epochs=2, verbose=0)
    same(model.get_weights(), again.get_weights())
    assert gx.models.load_model(tmp_path / f"m{suffix}", compile=False).optimizer is None


@FORMATS
def test_what_keras_has_not(suffix, tmp_path):
    x = gx.Input((6, 2))
    for model in (gx.Model(x, SumPooling1D()(x)), gx.Model(x, gx.cumsum(Dense(2)(x), 1))):
        with pytest.raises(NotSupportedError, match=r"\.graphc"):
            model.save(tmp_path / f"m{suffix}")

    class Own(gx.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ArgumentError, match="Python code"):
        Own().save(tmp_path / f"m{suffix}")
    assert list(tmp_path.iterdir()) == []


def config_of(path: Path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def test_the_description_is_that_of_keras(tmp_path):
    model = gx.Sequential([Dense(2, kernel_regularizer=gx.regularizers.L2(0.5), input_shape=(3,))])
    model.compile(gx.optimizers.SGD(0.5, decay=0.1), "mse")
    model.save(tmp_path / "m.keras")
    config = config_of(tmp_path / "m.keras")
    begin, dense = config["config"]["layers"]
    assert (begin["class_name"], begin["config"]["batch_shape"]) == ("InputLayer", [None, 3])
    assert dense["module"] == "keras.layers"
    assert dense["config"]["kernel_regularizer"]["module"] == "keras.regularizers"
    rate = config["compile_config"]["optimizer"]["config"]["learning_rate"]
    assert rate["class_name"] == "InverseTimeDecay"
    assert rate["module"] == "keras.optimizers.schedules"


def test_arguments_that_are_not_supported(tmp_path):
    path = tmp_path / "m.keras"
    gx.Sequential([BatchNormalization(input_shape=(3,))]).save(path)
    config = config_of(path)
    config["config"]["layers"][1]["config"]["synchronized"] = True
    with zipfile.ZipFile(path) as archive:
        weights = archive.read("model.weights.h5")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights)
    with pytest.raises(NotSupportedError, match="synchronized"):
        gx.models.load_model(path)


def test_models_of_keras_2(tmp_path):
    """Lists of calls, `batch_input_shape`, an axis in a list."""

    def layer(kind: str, name: str, before: list[str], **config: object) -> dict:
        calls = [[[other, 0, 0, {}] for other in before]] if before else []
        told = {"name": name, "trainable": True, "dtype": "float32", **config}
        return {"class_name": kind, "name": name, "config": told, "inbound_nodes": calls}

    described = {"class_name": "Functional", "config": {
        "name": "model",
        "layers": [
            layer("InputLayer", "x", [], batch_input_shape=[None, 3], sparse=False, ragged=False),
            layer("Dense", "a", ["x"], units=2, activation="relu"),
            layer("Dense", "b", ["x"], units=2),
            layer("Add", "sum", ["a", "b"]),
            layer("BatchNormalization", "norm", ["sum"], axis=[1]),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["norm", 0, 0]],
    }}  # fmt: skip
    path = tmp_path / "old.h5"
    x = gx.Input((3,), name="x")
    part = gx.layers.Add(name="sum")([Dense(2, "relu", name="a")(x), Dense(2, name="b")(x)])
    model = gx.Model([x], [BatchNormalization(axis=1, name="norm")(part)])
    model.save(path)
    with h5py.File(path, "r") as file, h5py.File(tmp_path / "new.h5", "w") as other:
        for name in file:
            file.copy(name, other)
        other.attrs["model_config"] = json.dumps(described)
    again = gx.models.load_model(tmp_path / "new.h5")
    values = inputs_of(model)
    same(model.predict(values, verbose=0), again.predict(values, verbose=0))


# ---------------------------------------------------------------------------- safety


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5"])
def test_corrupted_files(name, tmp_path):
    model = gx.Sequential([Dense(3, input_shape=(2,)), BatchNormalization()])
    path = tmp_path / name
    write = model.save_weights if "weights" in name else model.save
    write(path)
    whole, draw, errors = path.read_bytes(), random.Random(4), 0
    for _ in range(150):
        path.write_bytes(corrupted(whole, draw))
        fresh = gx.Sequential([Dense(3, input_shape=(2,)), BatchNormalization()])
        try:
            fresh.load_weights(path)
        except GraphcError:
            errors += 1
            continue
        same(fresh.get_weights(), model.get_weights())
    assert errors > 75


def external(file, group) -> None:
    group["0"] = h5py.ExternalLink("/etc/other.h5", "/secret")


def soft(file, group) -> None:
    file["elsewhere"] = np.ones((2, 3), np.float32)
    group["0"] = h5py.SoftLink("/elsewhere")


def outside(file, group) -> None:
    group.create_dataset("0", (2, 3), "f4", external=[("/etc/hostname", 0, 24)])


def huge(file, group) -> None:
    group.create_dataset("0", (1 << 40, 1 << 10), "f4", chunks=(64, 64))


def grown(file, group) -> None:
    data = np.zeros(1 << 20, np.float32)
    group.create_dataset("0", data=data, chunks=(1 << 20,), compression="gzip")


def texts(file, group) -> None:
    group["0"] = np.array([b"a", b"b"])


def loop(file, group) -> None:
    group["0"] = file


@pytest.mark.parametrize("change", [external, soft, outside, huge, grown, texts, loop])
def test_files_that_lead_elsewhere_or_lie(change, tmp_path):
    path = tmp_path / "w.weights.h5"
    with h5py.File(path, "w") as file:
        change(file, file.create_group("layers/dense/vars"))
    model = gx.Sequential([Dense(3, input_shape=(2,))])
    with pytest.raises(DataError, match="damaged"):
        model.load_weights(path)


def test_without_h5py(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name == "h5py":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"graphc\[h5\]"):
        gx.Sequential([Dense(3, input_shape=(2,))]).save(tmp_path / "m.keras")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_operations_between_layers_go_through_keras_files(suffix, tmp_path):
    x, y = gx.Input((4, 3)), gx.Input((4, 3))
    z = gx.relu(2 - gx.layers.Dense(3)((x + y) * 2)) / (3 + gx.exp(y))
    row = gx.sum(gx.where(z > 0.1, z, -0.5), axis=1) + gx.sqrt(x[:, 0])
    wide = gx.softmax(gx.concat([gx.reshape(row, (-1, 3)), x[:, 1]], axis=-1))
    model = gx.Model([x, y], [gx.layers.Dense(2)(wide), gx.mean(wide, -1) * 3.0])
    values = list(np.random.default_rng(0).random((2, 5, 4, 3), np.float32))
    model.save(tmp_path / f"model.{suffix}")
    again = gx.models.load_model(tmp_path / f"model.{suffix}")
    for found, wanted in zip(again.predict(values, verbose=0), model.predict(values, verbose=0)):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@FORMATS
def test_products_between_layers_go_through_keras_files(suffix, tmp_path):
    a, b, row = gx.Input((4, 3)), gx.Input((3, 4)), gx.Input((3,))
    table = np.random.default_rng(1).random((3, 2), np.float32)
    ends = [
        a @ b, a @ table, row @ table, gx.reshape(a, (-1, 1, 4, 3)) @ np.stack([table] * 2),
        gx.einsum("bik,bkj->bji", a, b), gx.einsum("bik,bk->bi", a, row),
        gx.tensordot(a, table, 1), gx.tensordot(b, table, ([1], [0]))[:, 0],
    ]  # fmt: skip
    model = gx.Model([a, b, row], ends)
    values = [np.random.default_rng(0).random((5, *t.shape[1:]), np.float32) for t in model.inputs]
    model.save(tmp_path / f"model{suffix}")
    again = gx.models.load_model(tmp_path / f"model{suffix}")
    for found, wanted in zip(again.predict(values, verbose=0), model.predict(values, verbose=0)):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@FORMATS
@pytest.mark.parametrize("make", [
    lambda x: gx.cumsum(x, 1),
    lambda x: gx.exp(gx.broadcast_to(x[:, None], (x.shape[0], 3, 4))),
    lambda x: gx.sum(gx.broadcast_to(x[:, None], (x.shape[0], 3, 4)), 1),
    lambda x: gx.broadcast_to(x[:, None], (x.shape[0], 3, 4)),
    lambda x: gx.concat([x, gx.zeros_like(x)], 1),
])  # fmt: skip
def test_an_operation_that_keras_has_not_is_an_error_at_saving(make, suffix, tmp_path):
    x = gx.Input((4,))
    model = gx.Model(x, make(x))
    with pytest.raises(NotSupportedError, match=r"no form in Keras's files"):
        model.save(tmp_path / f"model{suffix}")
    assert not list(tmp_path.iterdir())
