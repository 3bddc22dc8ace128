"""What backends have compiled, on disk, found again by what it was made from.

An entry is `<folder>/<kind>/<2 digits>/<digits>.o`: a magic word, a checksum, the contents; texts
for people are kept as they are. Entries appear whole (a temporary file is renamed), so processes
may share the folder; one that is damaged is a miss. A folder that cannot be written is no error,
only no help.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import platformdirs

from graphc.knobs import current

MAGIC = b"GRAPHC01"
_HEADER = len(MAGIC) + 32
_DIGITS = {"objects": 2, "functions": 0, "kernels": 2, "sources": 2}
"""Kinds of entries, by the digits that name their folders. Each may take a quarter of the cache."""
_TOUCH_SECONDS = 3600.0
_LOOKS = 16
"""How often a folder is looked at while as many bytes come as it may hold."""


def key_of(*parts: str) -> str:
    """The key of what these texts decide together."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(f"\0{len(part)}\0".encode() + part.encode())
    return whole.hexdigest()


def digest(sources: Sequence[Path]) -> str:
    """A text that follows from the names and contents of files."""
    whole = hashlib.sha256()
    for path in sources:
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()


def folder() -> Path | None:
    """Where objects are kept; None if nowhere: caching is off, or the user has no home."""
    if not current().cache:
        return None
    if chosen := current().cache_dir:
        return Path(chosen)
    usual = Path(platformdirs.user_cache_dir("graphc"))
    return usual if usual.is_absolute() else None


def lookup(key: str, kind: str = "objects") -> bytes | None:
    """The entry stored under a key; None if there is none, it is damaged, or caching is off."""
    path = _path(key, kind)
    if path is None:
        return None
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if data[:_HEADER] != _header(data[_HEADER:]):
        return None
    _touch(path)
    return data[_HEADER:]


def store(key: str, data: bytes, kind: str = "objects") -> bool:
    """Keep an entry under a key; answers whether it is kept."""
    return _keep(_path(key, kind), key, _header(data) + data, kind)


def store_text(key: str, text: str, suffix: str, kind: str = "sources") -> Path | None:
    """Keep a text that people may look at; the file, or None if it is not kept."""
    path = _path(key, kind, suffix)
    if path is not None and path.exists():
        _touch(path)
        return path
    return path if _keep(path, key, text.encode(), kind) else None


def _keep(path: Path | None, key: str, data: bytes, kind: str) -> bool:
    if path is None:
        return False
    try:
        _publish(path, data)
    except OSError:
        return False
    limit = (current().cache_mib << 18) >> 4 * _DIGITS[kind]
    if _is_trimmed_by(key, len(data), limit):
        with suppress(OSError):  # others may remove files as well, or hold them open
            _trim(path, limit)
    return True


def _publish(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def _path(key: str, kind: str, suffix: str = "o") -> Path | None:
    here = folder()
    return here and here / kind / key[: _DIGITS[kind]] / f"{key[_DIGITS[kind] :]}.{suffix}"


def _header(data: bytes) -> bytes:
    return MAGIC + hashlib.sha256(data).digest()


def _touch(path: Path) -> None:
    """Mark as used; once an hour is enough to find the longest unused."""
    try:
        if time.time() - path.stat().st_mtime > _TOUCH_SECONDS:
            os.utime(path)
    except OSError:
        return


def _is_trimmed_by(key: str, size: int, limit: int) -> bool:
    """Whether storing this entry looks at its whole folder, which takes long where there are many.

    Keys are even numbers between 0 and 1, so that this happens about once for so many bytes of
    new entries, in whatever processes they are stored.
    """
    return int(key[-8:], 16) * limit < (size * _LOOKS) << 32


def _trim(newest: Path, limit: int) -> None:
    """Each folder may hold its share, so only the one written to is looked at."""
    with os.scandir(newest.parent) as found:
        entries = [(f.st_mtime, f.st_size, entry.path) for entry in found if (f := _facts(entry))]
    excess = sum(size for _, size, _ in entries) - limit
    for _, size, path in sorted(entries):
        if excess <= 0:
            return
        if path != str(newest):
            Path(path).unlink(missing_ok=True)
            excess -= size


def _facts(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None if another process has removed the file meanwhile."""
    try:
        return entry.stat()
    except OSError:
        return None
