"""Reading HDF5: files of ours by their checksum, those of other programs in a process of its own.

The HDF5 library may crash over damaged bytes, or never come to an end. A second Python reads them,
within limits of time and memory; what it found comes back as a table and safetensors. If it does
not come back, the file is damaged, and this process goes on.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from multiprocessing import spawn
from pathlib import Path
from typing import TYPE_CHECKING, cast

from graphc.errors import DataError

from . import hdf5, tensors
from .archive import damage_of, damaged

if sys.platform == "linux":
    import resource

if TYPE_CHECKING:
    from .hdf5 import Attribute

# A process begins and imports h5py in a second; small arrays take longest for their size.
_SECONDS, _BYTES_PER_SECOND = 5, 2_000_000
# How many times as long it may take by the clock: where the system counts the time that a process
# computes, a machine that is busy or asleep does not make a file a damaged one.
_PATIENCE = 20 if sys.platform == "linux" else 3
# What a file of this size may unpack to, with room to work.
_MEMORY, _GROWTH = 1 << 30, 16
_HEAD = struct.Struct("<cQ")
_FOUND, _DAMAGED = b"+", b"-"
# The other process finds modules where this one does.
_PROGRAM = f"import sys; sys.path[:] = sys.argv[2:]; from {__name__} import serve; serve()"


def decode(data: bytes, path: Path) -> hdf5.Content:
    """The content of a file; `path` is named in errors.

    Raises:
        DataError: a damaged file, or one that is not to be trusted.
        MissingExtraError: h5py is not installed.
    """
    hdf5.library()
    if hdf5.is_sealed(data, path):
        return hdf5.decode(data, path)
    limit = int(_SECONDS + len(data) / _BYTES_PER_SECOND)
    program = [spawn.get_executable(), "-c", _PROGRAM, str(limit), *sys.path]
    try:
        done = subprocess.run(
            program, input=data, capture_output=True, check=False, timeout=_PATIENCE * limit
        )
    except subprocess.TimeoutExpired:
        raise damaged(path, "the HDF5 library does not come to an end over it") from None
    with damage_of(path):
        kind, text, rest = _split(done.stdout)
        if kind == _FOUND:
            attributes = cast("dict[str, dict[str, Attribute]]", json.loads(text))
            return hdf5.Content(tensors.decode(rest, path), attributes)
    raise damaged(path, text or f"the HDF5 library ends with {done.returncode} over it")


def _split(answer: bytes) -> tuple[bytes, str, bytes]:
    """The kind of an answer, its text, and what follows; nothing of an answer that is not whole."""
    if len(answer) < _HEAD.size:
        return b"", "", b""
    kind, size = _HEAD.unpack_from(answer)
    text = answer[_HEAD.size : _HEAD.size + size]
    return kind, text.decode(), answer[_HEAD.size + size :]


def serve() -> None:
    """The other process: reads a file from its input, and answers what is in it."""
    data = sys.stdin.buffer.read()
    hdf5.library()
    _set_limits(int(sys.argv[1]), len(data))
    rest = b""
    try:
        content = hdf5.decode(data, Path("file"))
        kind, text, rest = _FOUND, json.dumps(content.attributes), tensors.encode(content.arrays)
    except DataError as error:
        kind, text = _DAMAGED, str(error.received)
    except MemoryError:
        kind, text = _DAMAGED, "it asks for too much memory"
    told = text.encode()
    sys.stdout.buffer.write(_HEAD.pack(kind, len(told)) + told + rest)


def _set_limits(seconds: int, size: int) -> None:
    """Let the system end this process when it uses too much; where there is no such system, the
    other side waits long enough."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        memory = pages * resource.getpagesize() + _MEMORY + _GROWTH * size
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
