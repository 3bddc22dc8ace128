"""Data sets: the IDX format and its damages, where files come from, splits, small utilities."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from graphc.errors import ArgumentError, DataError
from graphc.frontend.datasets import cifar10, cifar100, digits, files, mnist, mnist_like, synthetic
from graphc.frontend.datasets.idx import read_idx
from graphc.frontend.utils import get_file, to_categorical
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
        (gzip.compress(HUGE, mtime=0), "0 bytes"),
        (gzip.compress(WHOLE, mtime=0)[:-6], "cannot be read"),
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
    monkeypatch.setattr(files, "user_data_dir", lambda name: str(tmp_path / name))
    source = tmp_path / "source"
    source.write_bytes(b"content")
    right = hashlib.sha256(b"content").hexdigest()
    path = files.fetched_file("mnist", "a.gz", source.as_uri(), right)
    assert path.read_bytes() == b"content"
    source.unlink()
    assert files.fetched_file("mnist", "a.gz", source.as_uri(), right) == path
    with pytest.raises(DataError, match="GRAPHC_DATA") as offline:
        files.fetched_file("mnist", "b.gz", source.as_uri(), right)
    for said in ("b.gz", source.as_uri(), str(path.parent)):
        assert said in str(offline.value)
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


def test_one_download_for_all(tmp_path, monkeypatch):
    source, opened = tmp_path / "source", []
    source.write_bytes(b"x" * 5_000_000)
    opening = files.urllib.request.urlopen
    monkeypatch.setattr(
        files.urllib.request, "urlopen", lambda *a, **n: opened.append(a) or opening(*a, **n)
    )
    workers = [
        threading.Thread(target=files.fetched, args=(tmp_path / "a" / "b", source.as_uri(), None))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(opened) == 1
    assert (tmp_path / "a" / "b").stat().st_size == 5_000_000


def records(count, labels, first=0):
    made = np.zeros((count, labels + 3072), np.uint8)
    made[:, :labels] = (np.arange(first, first + count)[:, None] + np.arange(labels)) % 10
    made[:, labels : labels + 1024] = 1
    made[:, labels + 1024] = 2
    made[:, -1] = 3
    return made.tobytes()


CIFAR = {
    "cifar10": (cifar10, {f"data_batch_{n}.bin": 2 for n in range(1, 6)} | {"test_batch.bin": 3}),
    "cifar100": (cifar100, {"train.bin": 10, "test.bin": 3}),
}


def packed(module, parts):
    archive, file = module.ARCHIVE, io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in parts.items():
            info = tarfile.TarInfo(f"{archive.folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.mark.parametrize("form", ["archive", "folder", "plain"])
@pytest.mark.parametrize("name", CIFAR)
def test_cifar(tmp_path, name, form):
    module, counts = CIFAR[name]
    archive = module.ARCHIVE
    parts = {n: records(c, archive.labels) for n, c in counts.items()}
    folder = tmp_path / name / (archive.folder if form == "folder" else "")
    folder.mkdir(parents=True)
    if form == "archive":
        (folder / archive.name).write_bytes(packed(module, parts))
    else:
        for part, content in parts.items():
            (folder / part).write_bytes(content)
    with settings(data=str(tmp_path)):
        (x, y), (x_test, y_test) = module.load_data()
    assert (x.shape, y.shape) == ((10, 32, 32, 3), (10, 1))
    assert (x_test.shape, y_test.shape) == ((3, 32, 32, 3), (3, 1))
    assert (x.dtype, y.dtype) == ("uint8", "uint8")
    assert x[0, 0, 0].tolist() == [1, 2, 0]
    assert x[0, 31, 31].tolist() == [1, 0, 3]
    assert y_test[:, 0].tolist() == ([0, 1, 2] if name == "cifar10" else [1, 2, 3])


def test_labels_of_groups(tmp_path):
    (tmp_path / "cifar100").mkdir()
    for part in ("train.bin", "test.bin"):
        (tmp_path / "cifar100" / part).write_bytes(records(2, 2))
    with settings(data=str(tmp_path)):
        assert cifar100.load_data("coarse")[1][1][:, 0].tolist() == [0, 1]
        with pytest.raises(DataError, match="no such label_mode"):
            cifar100.load_data("finest")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "cannot be read"),
        (packed(cifar10, {"data_batch_1.bin": b""}), "has no file"),
        (packed(cifar10, dict.fromkeys(CIFAR["cifar10"][1], b"123")), "3 bytes"),
        (packed(cifar10, dict.fromkeys(CIFAR["cifar10"][1], b"")), "0 bytes"),
        (
            packed(cifar10, dict.fromkeys(CIFAR["cifar10"][1], records(1, 1)))[:-20],
            "cannot be read",
        ),
    ],
)
def test_damaged_archives(tmp_path, content, message):
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / cifar10.ARCHIVE.name).write_bytes(content)
    with settings(data=str(tmp_path)), pytest.raises(DataError, match=message):
        cifar10.load_data()


def test_get_file(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "user_data_dir", lambda name: str(tmp_path / name))
    source = tmp_path / "words.txt"
    source.write_bytes(b"content")
    for digest in (hashlib.sha256(b"content").hexdigest(), hashlib.md5(b"content").hexdigest()):
        path = get_file("w.txt", source.as_uri(), file_hash=digest, cache_subdir=digest[:4])
        assert Path(path).read_bytes() == b"content"
    assert get_file(origin=source.as_uri()).endswith("datasets/words.txt")
    with pytest.raises(DataError, match="not the file that was meant"):
        get_file("v.txt", source.as_uri(), file_hash="0" * 64)
    with pytest.raises(ArgumentError, match="without folders"):
        get_file("../v.txt", source.as_uri())
    with pytest.raises(ArgumentError, match="no such hash"):
        get_file("v.txt", source.as_uri(), file_hash="12")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "own.txt").write_bytes(b"")
    with settings(data=str(tmp_path)):
        own = get_file("own.txt", "file:///nowhere", cache_subdir="kept")
    assert own == str(tmp_path / "kept" / "own.txt")


def test_archives_are_unpacked_inside_their_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/file.txt", "text")
    folder = get_file("a.zip", (tmp_path / "a.zip").as_uri(), extract=True, cache_dir=tmp_path)
    assert (Path(folder) / "in" / "file.txt").read_text() == "text"
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    with pytest.raises(DataError, match="cannot be unpacked"):
        get_file("b.tar", (tmp_path / "b.tar").as_uri(), extract=True, cache_dir=tmp_path)
    assert {p.name for p in (tmp_path / "datasets").glob("*b.tar*")} == {"b.tar", "b.tar.lock"}
    assert list(tmp_path.rglob("outside")) == []


def test_made_up_images():
    (x, y), (x_test, y_test) = synthetic.load_data((10, 7, 1), 3, train=50, test=20, seed=4)
    assert (x.shape, x_test.shape, y_test.shape) == ((50, 10, 7, 1), (20, 10, 7, 1), (20, 1))
    assert set(y[:, 0]) == {0, 1, 2}
    again = synthetic.load_data((10, 7, 1), 3, train=50, test=20, seed=4)
    assert np.array_equal(again[0][0], x)
    means = np.stack([x[y[:, 0] == c].mean(0) for c in range(3)])
    distance = np.abs(x_test[:, None] - means).sum((2, 3, 4))
    assert np.array_equal(distance.argmin(1), y_test[:, 0])
    large = synthetic.load_data(train=1, test=1)[0]
    assert (large[0].shape, large[1].max() < 1000) == ((1, 224, 224, 3), True)
    with pytest.raises(ArgumentError, match="made-up images"):
        synthetic.load_data((10, 7, 1), 0)
