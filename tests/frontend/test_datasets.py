"""Data sets: the IDX format and its damages, where files come from, splits, small utilities."""

from __future__ import annotations

import gzip
import hashlib
import struct

import numpy as np
import pytest

from graphc.errors import ArgumentError, DataError
from graphc.frontend.datasets import digits, files, mnist, mnist_like
from graphc.frontend.datasets.idx import read_idx
from graphc.frontend.utils import to_categorical, train_test_split
from graphc.knobs import settings


def idx(array, kind=0x08):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize(
    ("kind", "dtype"), [(0x08, "uint8"), (0x09, "int8"), (0x0B, "int16"), (0x0C, "int32"),
                        (0x0D, "float32"), (0x0E, "float64")],
)  # fmt: skip
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_round_trip(tmp_path, kind, dtype, pack):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    path = tmp_path / "x"
    path.write_bytes(pack(idx(array, kind)))
    got = read_idx(path)
    assert got.dtype == dtype
    assert np.array_equal(got, array)


WHOLE = idx(np.zeros((2, 3), np.uint8))
HUGE = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**31, 2**10)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no IDX file"),
        (b"\x89PNG....", "no IDX file"),
        (b"\0\0\x07\x01\0\0\0\0", "no IDX file"),
        (WHOLE[:6], "ends in the header"),
        (WHOLE[:-1], "5 bytes"),
        (WHOLE + b"x", "more than 6 bytes"),
        (HUGE, "0 bytes"),
        (gzip.compress(HUGE), "0 bytes"),
        (gzip.compress(WHOLE)[:-6], "cannot be read"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path / "nothing")


def write_mnist(folder, parts, count):
    (folder / "mnist").mkdir()
    images = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)
    for name in parts:
        data = images if "images" in name else images[:, 0, 0]
        (folder / "mnist" / name).write_bytes(gzip.compress(idx(data)))


def test_all_four_files(tmp_path):
    write_mnist(tmp_path, (*mnist_like.TRAIN, *mnist_like.TEST), 10)
    with settings(data=str(tmp_path)):
        (x, y), (x_test, _) = mnist.load_data()
    assert x.shape == x_test.shape == (10, 28, 28)
    assert np.array_equal(y, x[:, 3, 3])


def test_only_the_test_files_are_split(tmp_path):
    write_mnist(tmp_path, mnist_like.TEST, 10)
    with settings(data=str(tmp_path)):
        (x, y), (x_test, y_test) = mnist.load_data()
    assert (len(x), len(x_test)) == (8, 2)
    assert np.array_equal(x_test[:, 0, 0], y_test)
    assert sorted([*y, *y_test]) == list(range(10))


def test_labels_of_other_images(tmp_path):
    write_mnist(tmp_path, mnist_like.TEST, 10)
    labels = tmp_path / "mnist" / mnist_like.TEST[1]
    labels.write_bytes(idx(np.zeros(9, np.uint8)))
    with settings(data=str(tmp_path)), pytest.raises(DataError, match="do not belong together"):
        mnist.load_data()


def test_download_into_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "user_cache_dir", lambda name: str(tmp_path / name))
    source = tmp_path / "source"
    source.write_bytes(b"content")
    right = hashlib.sha256(b"content").hexdigest()
    path = files.fetched_file("mnist", "a.gz", source.as_uri(), right)
    assert path.read_bytes() == b"content"
    source.unlink()
    assert files.fetched_file("mnist", "a.gz", source.as_uri(), right) == path
    with pytest.raises(DataError, match="GRAPHC_DATA"):
        files.fetched_file("mnist", "b.gz", source.as_uri(), right)
    source.write_bytes(b"other")
    with pytest.raises(DataError, match="not the file that was meant"):
        files.fetched_file("mnist", "b.gz", source.as_uri(), right)
    assert [p.name for p in path.parent.iterdir() if not p.name.endswith(".lock")] == ["a.gz"]


def test_digits():
    pytest.importorskip("sklearn")
    (x, y), (x_test, y_test) = digits.load_data()
    assert x.shape == (1437, 28, 28)
    assert x_test.shape == (360, 28, 28)
    assert set(y) == set(y_test) == set(range(10))


def test_to_categorical():
    assert to_categorical([[1], [0]]).tolist() == [[0, 1], [1, 0]]
    with pytest.raises(ArgumentError, match=r"0 \.\. 2"):
        to_categorical([3], 3)
    with pytest.raises(ArgumentError, match="whole numbers"):
        to_categorical([0.5])


def test_train_test_split():
    x, y = np.arange(10), np.arange(10) * 2
    x_train, x_test, y_train, _ = train_test_split(x, y, seed=3)
    assert np.array_equal(x_train * 2, y_train)
    assert sorted([*x_train, *x_test]) == list(range(10))
    with pytest.raises(ArgumentError, match="different lengths"):
        train_test_split(x, y[1:])
