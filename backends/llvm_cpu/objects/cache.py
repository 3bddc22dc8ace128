"""Compiled objects and whole functions on disk, found again by what they were made from.

An entry is `<folder>/<kind>/<2 digits>/<digits>.o`: a magic word, a checksum, the contents. Entries
appear whole (a temporary file is renamed), so processes may share the folder; one that is damaged
is a miss. A folder that cannot be written is no error, only no help. Needs no LLVM.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import platformdirs

from graphc.knobs import __file__ as knobs_file
from graphc.knobs import current

MAGIC = b"GRAPHC01"
_HEADER = len(MAGIC) + 32
_DIGITS = {"objects": 2, "functions": 0}
"""Kinds of entries, by the digits that name their folders. Each kind may take half of the cache."""
_TOUCH_SECONDS = 3600.0
_LOOKS = 16
"""How often a folder is looked at while as many bytes come as it may hold."""

BACKEND = Path(__file__).parent.parent


def key_of(*parts: str) -> str:
    """The key of an object made from these texts by this version of the generator and of LLVM."""
    whole = hashlib.sha256(version().encode())
    for part in parts:
        whole.update(f"\0{len(part)}\0".encode() + part.encode())
    return whole.hexdigest()


@lru_cache(maxsize=1)
def version() -> str:
    """What else decides the object: LLVM, and the sources of the generator themselves."""
    kernels = Path(knobs_file).parent / "kernels"
    return f"{_llvm()} {_digest(sorted(BACKEND.rglob('*.py')) + sorted(kernels.glob('*.py')))}"


@lru_cache(maxsize=1)
def whole_version() -> str:
    """What else decides a compiled function: all of that, the rest of the compiler, and NumPy."""
    core = Path(knobs_file).parent
    others = (path for path in core.rglob("*.py") if path.parent.name != "debug")
    sources = [*sorted(others), *sorted((BACKEND.parent / "reference").glob("*.py"))]
    return f"{version()} {_digest(sources)} {np.__version__} {sys.version}"


def _digest(sources: Sequence[Path]) -> str:
    whole = hashlib.sha256()
    for path in sources:
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()


def _llvm() -> str:
    """Which LLVM is installed, without loading it."""
    found = find_spec("llvmlite")
    if found is None or found.origin is None:
        return "none"
    here = Path(found.origin).parent
    libraries = [(p.name, p.stat().st_size) for p in sorted((here / "binding").glob("*llvmlite.*"))]
    return f"{(here / '_version.py').read_text(encoding='utf-8')} {libraries}"


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
    path = _path(key, kind)
    if path is None:
        return False
    try:
        _publish(path, _header(data) + data)
    except OSError:
        return False
    limit = (current().cache_mib << 19) >> 4 * _DIGITS[kind]
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


def _path(key: str, kind: str) -> Path | None:
    here = folder()
    return here and here / kind / key[: _DIGITS[kind]] / f"{key[_DIGITS[kind] :]}.o"


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
