"""Files are not trusted: what is in them is the model that was saved, or the answer is an error."""

from __future__ import annotations

import contextlib
import io
import json
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from damage import corrupted

import graphc as gx
from graphc.errors import DataError, GraphcError
from graphc.frontend.layers import BatchNormalization, Dense, Dropout
from graphc.frontend.saving.tensors import decode, encode


def trained() -> gx.Model:
    model = gx.Sequential([Dense(3, input_shape=(2,)), BatchNormalization(), Dropout(0.5)])
    model.compile("adam", "mse")
    x = np.ones((4, 2), np.float32)
    model.fit(x, np.zeros((4, 3), np.float32), epochs=1, verbose=0)
    return model


def content(model: gx.Model) -> list[np.ndarray]:
    return [w.numpy() for w in [*model.variables, *model.optimizer.variables]]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> tuple[bytes, list[np.ndarray]]:
    path = tmp_path_factory.mktemp("files") / "m.graphc"
    gx.set_seed(1)
    model = trained()
    model.save(path)
    return path.read_bytes(), content(model)


@pytest.mark.parametrize("seed", range(4))
def test_corrupted_files_give_an_error_or_the_same_model(seed, file, tmp_path):
    whole, expected = file
    draw, errors = random.Random(seed), 0
    for number in range(100):
        path = tmp_path / f"{number}.graphc"
        path.write_bytes(corrupted(whole, draw))
        try:
            model = gx.models.load_model(path)
        except GraphcError:
            errors += 1
            continue
        for one, other in zip(content(model), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert errors > 50


@pytest.mark.parametrize("seed", range(2))
def test_corrupted_weights_give_an_error_or_the_same_weights(seed, tmp_path):
    model = gx.Sequential([Dense(3, input_shape=(2,)), Dense(2)])
    model.save_weights(tmp_path / "w.safetensors")
    whole, expected = (tmp_path / "w.safetensors").read_bytes(), model.get_weights()
    draw = random.Random(seed)
    for _ in range(150):
        (tmp_path / "w.safetensors").write_bytes(corrupted(whole, draw))
        with contextlib.suppress(GraphcError):
            model.load_weights(tmp_path / "w.safetensors")
        for one, other in zip(model.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(one, other)


# ---------------------------------------------------------------------------- made to do harm


def members(whole: bytes) -> dict[str, bytes]:
    archive = zipfile.ZipFile(io.BytesIO(whole))
    return {name: archive.read(name) for name in archive.namelist()}


def written(path: Path, entries: list[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in entries:
                archive.writestr(name, data)
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(("name", "message"), [
    ("../outside", "outside"),
    ("/etc/passwd", "outside"),
    ("a/../../b", "outside"),
    ("..\\outside", "outside"),
    ("C:\\windows", "outside"),
    ("model.json", "two members"),
    (link("weights"), "is a link"),
])  # fmt: skip
def test_members_that_lead_elsewhere(name, message, file, tmp_path):
    entries = [*members(file[0]).items(), (name, b"content")]
    path = written(tmp_path / "m.graphc", entries)
    with pytest.raises(DataError, match=message):
        gx.models.load_model(path)


def test_members_that_grow(file, tmp_path):
    path = tmp_path / "m.graphc"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members(file[0]).items():
            archive.writestr(name, data)
        archive.writestr("bomb", b"\0" * 10_000_000)
    with pytest.raises(DataError, match="claims 10000000 bytes"):
        gx.models.load_model(path)


def changed(whole: bytes, path: Path, change) -> Path:
    """The file with another description."""
    found = members(whole)
    document = json.loads(found["model.json"])
    change(document)
    found["model.json"] = json.dumps(document).encode()
    return written(path, list(found.items()))


def layer(document: dict, index: int) -> dict:
    return document["model"]["config"]["layers"][index]


CHANGES = {
    "huge weights": (lambda d: layer(d, 0)["config"].update(units=10**13), "does not hold"),
    "an unknown class": (lambda d: layer(d, 0).update(class_name="os.system"), "does not know"),
    "a module": (
        lambda d: layer(d, 0).update(module="os", class_name="system", config={"command": "ls"}),
        "does not know",
    ),
    "a class that is no layer": (
        lambda d: layer(d, 0).update(module="graphc.losses", class_name="Huber", config={}),
        "layer",
    ),
    "machine code": (lambda d: layer(d, 0).update(class_name="__lambda__"), "never run"),
    "unknown arguments": (lambda d: layer(d, 0)["config"].update(no=1), "no such argument"),
    "no layers": (lambda d: d["model"]["config"].pop("layers"), "cannot be made"),
    "no config": (lambda d: d["model"].pop("config"), "no model"),
    "a number": (lambda d: d.update(model=3), "no model"),
    "a loss": (
        lambda d: d.update(model={"module": "losses", "class_name": "Huber", "config": {}}),
        "no model",
    ),
    "a newer version": (lambda d: d.update(version=2), "another version"),
    "another format": (lambda d: d.update(format="x"), "describes no model"),
    "no random state": (lambda d: d.pop("random"), "lacks random"),
    "other seeds": (lambda d: d["random"].update(seeds={}), "random layers"),
    "seeds as text": (lambda d: d["random"].update(seeds=5), "damaged"),
    "no parameters": (lambda d: d["optimizer"].pop("parameters"), "damaged"),
    "a wrong optimizer": (lambda d: d["compile"].update(optimizer="sgd"), "optimizer/"),
    "no optimizer": (lambda d: d["compile"].update(optimizer=5), "not a"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_descriptions_that_lie(kind, file, tmp_path):
    change, message = CHANGES[kind]
    path = changed(file[0], tmp_path / "m.graphc", change)
    with pytest.raises(GraphcError, match=message):
        gx.models.load_model(path)


def test_nothing_is_imported(file, tmp_path, monkeypatch):
    (tmp_path / "harm.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    def change(document: dict) -> None:
        layer(document, 0).update(module="harm", class_name="Harm", registered_name="harm>Harm")

    with pytest.raises(GraphcError, match="does not know"):
        gx.models.load_model(changed(file[0], tmp_path / "m.graphc", change))


@pytest.mark.parametrize("data", [
    b"", b"\0" * 7, b"\xff" * 8, struct.pack("<Q", 1 << 40) + b"{}",
    struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 2) + b"{x",
    *(
        struct.pack("<Q", len(h)) + h + b"\0\0\0\0"
        for h in (
            b'{"w":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}',
            b'{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}',
            b'{"w":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}',
            b'{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
        )
    ),
])  # fmt: skip
def test_damaged_safetensors(data):
    with pytest.raises(DataError, match="damaged"):
        decode(data, Path("w.safetensors"))


@pytest.mark.parametrize("kind", [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16",
    "bfloat16", "float32", "float64",
])  # fmt: skip
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_every_dtype_and_edge_sizes(kind, shape):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(gx.dtypes.as_dtype(kind).numpy)
    (found,) = decode(encode({"w": array}), Path("w.safetensors")).values()
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()


def test_transposed_arrays_are_written_as_they_look():
    array = np.arange(6.0).reshape(2, 3).T
    np.testing.assert_array_equal(decode(encode({"w": array}), Path("w"))["w"], array)
