"""The IDX file format of MNIST and its successors, plain or gzipped.

    0 0 type rank   size_1 ... size_rank (uint32)   elements          all big-endian

Sizes are compared with the bytes that are there before anything is allocated.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from graphc.errors import DataError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"
_PART = 1 << 20


def read_idx(path: Path | str) -> np.ndarray:
    """The array in an IDX file, in the machine's byte order.

    Raises:
        DataError: no such file, another format, or a size that is not that of the elements.
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == _GZIP
        with gzip.open(path, "rb") if packed else open(path, "rb") as file:
            return _read(file, path)  # pyright: ignore[reportArgumentType]
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"the file {path} cannot be read", received=str(error)) from None


def _read(file: BinaryIO, path: Path | str) -> np.ndarray:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
        raise DataError(
            f"{path} is no IDX file",
            received=f"first bytes {start.hex(' ') or 'none'}",
            expected="00 00, a type 08 to 0e, and the number of axes",
        )
    rank, dtype = start[3], np.dtype(_TYPES[start[2]])
    sizes = file.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise _wrong_length(path, "the file ends in the header", f"{rank} sizes")
    shape = struct.unpack(f">{rank}I", sizes)
    wanted = math.prod(shape) * dtype.itemsize
    content = _at_most(file, wanted + 1)
    if len(content) != wanted:
        found = f"{len(content)} bytes" if len(content) < wanted else f"more than {wanted} bytes"
        raise _wrong_length(path, found, f"{wanted} bytes for the shape {shape}")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _at_most(file: BinaryIO, count: int) -> bytes:
    """Up to `count` bytes, read in parts: a false size in a header allocates nothing."""
    parts: list[bytes] = []
    while count > 0 and (part := file.read(min(count, _PART))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _wrong_length(path: Path | str, found: str, wanted: str) -> DataError:
    return DataError(
        f"the IDX file {path} has another length than its header says",
        received=found,
        expected=wanted,
        fix="download it again; it was probably cut off",
    )
