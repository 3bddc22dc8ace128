"""HDF5 files as arrays and texts by path, for Keras's formats; h5py is loaded on first use.

A reader follows no links out of the file, and compares every size with the bytes that are stored
before it allocates. Files of other programs are read by `hdf5_apart.py`.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast, final

import ml_dtypes
import numpy as np

from graphc.errors import MissingExtraError

from .archive import MOST_GROWTH, damage_of, damaged

if TYPE_CHECKING:
    import h5py

Attribute = str | Sequence[str]
# The first bytes of files of ours: HDF5 leaves them to its users. They have the checksum of all
# bytes after them.
_MARK, _BLOCK = b"graphc crc32 ", 512
# Attributes of HDF5 are at most 64 KiB; longer lists are split, as Keras splits them.
_LONGEST = 64000
_DEEPEST = 100
_FILTERS = (None, "gzip", "lzf")


@final
@dataclass(slots=True)
class Content:
    """What a file holds: arrays by path, and attributes by the path of their group."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    attributes: dict[str, dict[str, Attribute]] = field(default_factory=dict)


def encode(content: Content) -> bytes:
    """The bytes of a file with this content, behind their checksum.

    Raises:
        MissingExtraError: h5py is not installed.
    """
    h5, target = library(), io.BytesIO()
    with h5.File(target, "w", userblock_size=_BLOCK) as file:
        for path, attributes in content.attributes.items():
            group = file.require_group(path or "/")
            for name, value in attributes.items():
                _write_attribute(group, name, value)
        for path, array in content.arrays.items():
            made = file.create_dataset(path, data=array)
            if array.dtype == ml_dtypes.bfloat16:
                made.attrs["dtype"] = "bfloat16"
    data = target.getvalue()[_BLOCK:]
    return (_MARK + str(zlib.crc32(data)).encode()).ljust(_BLOCK, b"\0") + data


def decode(data: bytes, path: Path) -> Content:
    """The content of a file; `path` is named in errors.

    Raises:
        DataError: a damaged file, or one that is not to be trusted.
        MissingExtraError: h5py is not installed.
    """
    h5, content = library(), Content()
    with damage_of(path), h5.File(io.BytesIO(data), "r") as file:
        _walk(file, "", content, path, _DEEPEST)
    return content


def is_sealed(data: bytes, path: Path) -> bool:
    """Whether the file carries its checksum.

    Raises:
        DataError: the checksum does not fit.
    """
    if not data.startswith(_MARK):
        return False
    said = data[len(_MARK) : _BLOCK].rstrip(b"\0")
    if said != str(zlib.crc32(data[_BLOCK:])).encode():
        raise damaged(path, "the content does not fit its checksum")
    return True


def listed(attributes: Mapping[str, Attribute], name: str) -> list[str]:
    """An attribute that is a list; long ones are in numbered pieces."""
    pieces = [attributes[name]] if name in attributes else []
    while f"{name}{len(pieces)}" in attributes:
        pieces.append(attributes[f"{name}{len(pieces)}"])
    return [text for piece in pieces for text in ([piece] if isinstance(piece, str) else piece)]


def _write_attribute(group: h5py.Group, name: str, value: Attribute) -> None:
    if isinstance(value, str):
        group.attrs[name] = value
        return
    pieces, size = [[]], 0
    for text in value:
        size += len(text.encode()) + 1
        if size > _LONGEST:
            pieces.append([])
            size = len(text.encode()) + 1
        pieces[-1].append(text.encode())
    if len(pieces) == 1:
        group.attrs[name] = pieces[0]
        return
    for number, piece in enumerate(pieces):
        group.attrs[f"{name}{number}"] = piece


def _walk(group: h5py.Group, place: str, content: Content, path: Path, deep: int) -> None:
    h5 = library()
    content.attributes[place] = dict(_attributes(group))
    if not deep:
        raise damaged(path, f"its groups are nested too deeply at {place}")
    for name in group:
        own = f"{place}/{name}".removeprefix("/")
        if not isinstance(group.get(name, getlink=True), h5.HardLink):
            raise damaged(path, f"{own} is a link to another place or file")
        member = group[name]
        if isinstance(member, h5.Group):
            _walk(cast("h5py.Group", member), own, content, path, deep - 1)
        elif isinstance(member, h5.Dataset):
            content.arrays[own] = _array(cast("h5py.Dataset", member), own, path)


def _attributes(group: h5py.Group) -> Iterator[tuple[str, Attribute]]:
    """Texts and lists of texts; other attributes mean nothing here."""
    for name, value in group.attrs.items():
        if isinstance(value, bytes | str):
            yield name, _text(value)
        elif isinstance(value, np.ndarray) and all(isinstance(v, bytes | str) for v in value.flat):
            yield name, [_text(v) for v in value.flat]


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()


def _array(dataset: h5py.Dataset, place: str, path: Path) -> np.ndarray:
    """The elements, if the file really has them."""
    size, stored = math.prod(dataset.shape) * dataset.dtype.itemsize, dataset.id.get_storage_size()
    if dataset.external or dataset.is_virtual or dataset.compression not in _FILTERS:
        raise damaged(path, f"{place} has its elements in another file or form")
    if size > stored * (MOST_GROWTH if dataset.chunks else 1):
        raise damaged(path, f"{place} claims {size} bytes, and the file has {stored}")
    if dataset.attrs.get("dtype") == "bfloat16" or dataset.dtype == ml_dtypes.bfloat16:
        return np.asarray(dataset[()]).view(ml_dtypes.bfloat16)
    if dataset.dtype.kind not in "biuf":
        raise damaged(path, f"{place} holds no numbers but {dataset.dtype}")
    return np.asarray(dataset[()])


def library() -> ModuleType:
    """h5py.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtraError(
            "files of Keras need h5py", fix="pip install graphc[h5], or save as .graphc"
        ) from None
    return cast(ModuleType, h5py)
