"""HDF5 files of other programs: whole ones are read, damaged ones end in an error, always."""

from __future__ import annotations

import base64
import random
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from damage import corrupted

import graphc as gx
from graphc.errors import DataError, UnknownNameError
from graphc.frontend.layers import Dense
from graphc.frontend.saving import hdf5, hdf5_apart

# A file with one changed byte, over which HDF5 1.14 never comes to an end.
ENDLESS = (
    "c-rllu};G<5QgvUR<bIPQk4=419_Ap8pu#l1RXk3o`Hdlj^Pb>gg#0ifswIqQDWaYtt~2sETG<(;g5Z`&q@Axxc6"
    "dobKE)afW;VSLE>&fk!+atMc4-Bi4|E()}`|O+QrVeKjHN=9nPOV<hdQaiST)br=$jiL!`*B?yb&h9}z1Rj+;k*EE"
    "?wRa;DhVM=<0(3Qj6lzHoei=w>AK9!#(ws|&rozrCJ}ap!?B+W%{`pHH!ZAP9mW2!bF8f*|}m&|Ta5n6Ec1d(>X_N"
    "q?)4eeeQOA3IF;)yLNTaNKk4JD%4t@8jKMWF72%x9ElI$37PJoda!pXXxAXLnBg$FLQd;Roq6p*(J1GPX?)h^o`@~"
    ">WkR8QVQu@p!GC<4Sqf;%0Kl!VqcZ1c%%v6-_lM|"
)


def foreign(path: Path) -> tuple[bytes, gx.Model]:
    """The bytes of a model's file without our checksum, as Keras writes them."""
    model = gx.Sequential([Dense(3, input_shape=(2,)), Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 2)), verbose=0)
    model.save(path)
    return path.read_bytes()[hdf5._BLOCK :], model


def test_files_without_checksum_are_read(tmp_path):
    path = tmp_path / "model.h5"
    data, model = foreign(path)
    path.write_bytes(data)
    again = gx.models.load_model(path)
    for found, wanted in zip(again.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(found, wanted)
    assert [v.numpy().tolist() for v in again.optimizer.variables] == [
        v.numpy().tolist() for v in model.optimizer.variables
    ]


def test_all_kinds_of_arrays_come_back():
    arrays = {f"a/{n}": np.ones((2, 3), n) for n in ("float16", "float64", "int64", "uint8")}
    content = hdf5.Content({**arrays, "scalar": np.float32(3), "empty": np.ones((0, 2))}, {})
    content.attributes = {"": {"text": "x"}, "a": {"names": ["u", "v"], "none": []}}
    data = hdf5.encode(content)[hdf5._BLOCK :]
    found = hdf5_apart.decode(data, Path("file.h5"))
    assert {n: (a.dtype, a.tolist()) for n, a in found.arrays.items()} == {
        n: (a.dtype, a.tolist()) for n, a in content.arrays.items()
    }
    assert found.attributes["a"]["names"] == ["u", "v"]


def test_a_file_that_holds_the_library_up(monkeypatch):
    monkeypatch.setattr(hdf5_apart, "_SECONDS", 2)
    data = zlib.decompress(base64.b85decode(ENDLESS))
    with pytest.raises(DataError, match=r"endless.h5 is damaged"):
        hdf5_apart.decode(data, Path("endless.h5"))


def test_a_process_that_crashes(monkeypatch):
    """Whatever ends the other process, this one says that the file is damaged."""
    monkeypatch.setattr(hdf5_apart.spawn, "get_executable", lambda: shutil.which("false"))
    with pytest.raises(DataError, match="the HDF5 library ends with 1"):
        hdf5_apart.decode(b"no file", Path("crash.h5"))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", [8, pytest.param(300, marks=pytest.mark.slow)])
def test_damaged_files_end_in_errors(count, tmp_path):
    """A damaged file is an error, or the damage lies in numbers; nothing else happens.

    A letter that changed in the name of a class makes it one that nobody knows.
    """
    path, draw = tmp_path / "model.h5", random.Random(count)
    data, _ = foreign(path)
    refused = 0
    for _ in range(count):
        path.write_bytes(corrupted(data, draw))
        try:
            assert isinstance(gx.models.load_model(path), gx.Model)
        except (DataError, UnknownNameError):
            refused += 1
    assert refused > count / 4


@pytest.mark.parametrize(("wanted", "damage"), [
    (b'"activation"', b'"acuivation"'), (b'"units": 2', b'"units":-2'), (b'"config"', b'"cOnfig"'),
    (b'"use_ema"', b'"use_eMa"'),
])  # fmt: skip
def test_a_letter_that_changed_in_the_description(wanted, damage, tmp_path):
    path = tmp_path / "model.h5"
    data, _ = foreign(path)
    assert wanted in data
    path.write_bytes(data.replace(wanted, damage))
    with pytest.raises(DataError):
        gx.models.load_model(path)
