"""The binary files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records of labels and one image.

    label ... label   1024 bytes of red, 1024 of green, 1024 of blue, row by row

The archives with pickled batches are not read: unpickling a file runs what it says.
"""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphc import knobs
from graphc.errors import DataError

from .files import fetched_file, local_file
from .mnist_like import Split

_SIDE, _CHANNELS = 32, 3
_PIXELS = _SIDE * _SIDE * _CHANNELS


@dataclass(frozen=True, slots=True)
class Archive:
    """A tar file of records, how it is checked, and which label of a record is meant."""

    dataset: str
    name: str
    folder: str
    sha256: str
    train: tuple[str, ...]
    test: str
    labels: int = 1
    records: int = 10_000


_URL = "https://www.cs.toronto.edu/~kriz/"


def load(archive: Archive, label: int = 0) -> Split:
    """(x_train, y_train), (x_test, y_test): uint8 images (n, 32, 32, 3), labels (n, 1)."""
    parts = _parts(archive)
    decoded = [_decoded(archive, name, part, label) for name, part in parts.items()]
    *train, test = decoded
    images, labels = (np.concatenate(column) for column in zip(*train))
    return (images, labels), test


def _parts(archive: Archive) -> dict[str, bytes]:
    """The records of each file, from unpacked files of the user or from the archive."""
    names = (*archive.train, archive.test)
    folder = knobs.current().data
    places = [Path(folder) / archive.dataset / f for f in ("", archive.folder)] if folder else []
    for place in places:
        if all((place / n).is_file() for n in names):
            return {n: (place / n).read_bytes() for n in names}
    path = local_file(archive.dataset, archive.name)
    path = path or fetched_file(archive.dataset, archive.name, _URL + archive.name, archive.sha256)
    try:
        with tarfile.open(path) as file:
            return {n: _member(file, f"{archive.folder}/{n}", archive) for n in names}
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"the archive {path} cannot be read", received=str(error)) from None


def _member(file: tarfile.TarFile, name: str, archive: Archive) -> bytes:
    """One file of an archive, no more of it than there may be."""
    try:
        stream = file.extractfile(name)
    except KeyError:
        stream = None
    if stream is None:
        raise DataError(f"{archive.name} has no file {name}",
                        received=", ".join(file.getnames()[:8]))  # fmt: skip
    with stream:
        return stream.read(5 * archive.records * (archive.labels + _PIXELS) + 1)


def _decoded(
    archive: Archive, name: str, content: bytes, label: int
) -> tuple[np.ndarray, np.ndarray]:
    length = archive.labels + _PIXELS
    if not content or len(content) % length:
        raise DataError(
            f"{name} of {archive.dataset} is damaged",
            received=f"{len(content)} bytes",
            expected=f"records of {length} bytes",
            fix="download it again; it was probably cut off",
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, length)
    planes = records[:, archive.labels :].reshape(-1, _CHANNELS, _SIDE, _SIDE)
    images = np.ascontiguousarray(np.moveaxis(planes, 1, -1))
    return images, np.ascontiguousarray(records[:, label : label + 1])


def chosen(mode: str, modes: Sequence[str]) -> int:
    """The position of a label by its name.

    Raises:
        DataError: no such label.
    """
    if mode not in modes:
        raise DataError("no such label_mode", received=repr(mode), expected=", ".join(modes))
    return modes.index(mode)
