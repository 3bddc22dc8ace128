"""A file from an address, downloaded once; what `keras.utils.get_file` does."""

from __future__ import annotations

import os
import tarfile
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

from graphc.errors import ArgumentError, DataError

from .files import data_folder, fetched, local_file

_KINDS = {32: "md5", 64: "sha256"}


def get_file(
    fname: str | None = None, origin: str | None = None, md5_hash: str | None = None,
    cache_subdir: str = "datasets", file_hash: str | None = None, hash_algorithm: str = "auto",
    extract: bool = False, cache_dir: str | Path | None = None,
) -> str:  # fmt: skip
    """The path of a file: in $GRAPHC_DATA/<cache_subdir>, in the data folder, or downloaded there.

    A hash (SHA-256, or MD5 by its length) is checked after the download. `extract` unpacks a tar or
    zip archive beside it and answers that folder; links and paths out of the folder are refused.

    Raises:
        DataError: no connection, another file than was meant, or a damaged archive.
    """
    if origin is None:
        raise ArgumentError("a file comes from an address", fix="get_file(name, origin=...)")
    name = fname or Path(urlsplit(origin).path).name
    if not name or Path(name).name != name:
        raise ArgumentError("fname is the name of a file, without folders", received=repr(fname))
    base = Path(cache_dir) if cache_dir is not None else data_folder()
    path = local_file(cache_subdir, name) or fetched(
        base / cache_subdir / name, origin, _digest(file_hash or md5_hash, hash_algorithm)
    )
    return str(_unpacked(path) if extract else path)


def _digest(value: str | None, algorithm: str) -> str | None:
    if value is None:
        return None
    kind = _KINDS.get(len(value)) if algorithm == "auto" else algorithm
    if kind not in _KINDS.values():
        raise ArgumentError("no such hash", received=f"{algorithm} {value}",
                            expected="sha256 or md5, as text of 64 or 32 digits")  # fmt: skip
    return f"{kind}:{value.lower()}"


def _unpacked(path: Path) -> Path:
    """The folder with what an archive holds; it is there whole or not at all."""
    folder = path.with_name(f"{path.name}.unpacked")
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(dir=path.parent) as part:
        inside = Path(part) / "all"
        try:
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(inside)
            else:
                with tarfile.open(path) as archive:
                    archive.extractall(inside, filter="data")
        except (tarfile.TarError, zipfile.BadZipFile, OSError) as error:
            raise DataError(f"the archive {path} cannot be unpacked", received=str(error)) from None
        os.replace(inside, folder)
    return folder
