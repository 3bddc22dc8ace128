"""Arrays by name as one block of bytes: the safetensors format, with a checksum over the elements.

Any reader of safetensors reads it, and files of others without the checksum are read here. Sizes
are compared with the bytes that are present before anything is allocated.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import safetensors
from safetensors import numpy as safetensors_numpy

from graphc import dtypes
from graphc.dtypes import DType

from .archive import damaged

Arrays = Mapping[str, np.ndarray]
CHECKSUM = "crc32"

# fmt: off
KINDS: dict[str, DType] = {
    "BOOL": dtypes.bool_,
    "U8": dtypes.uint8,  "U16": dtypes.uint16,   "U32": dtypes.uint32,  "U64": dtypes.uint64,
    "I8": dtypes.int8,   "I16": dtypes.int16,    "I32": dtypes.int32,   "I64": dtypes.int64,
    "F16": dtypes.float16, "BF16": dtypes.bfloat16, "F32": dtypes.float32, "F64": dtypes.float64,
}
# fmt: on


def encode(arrays: Arrays) -> bytes:
    """The arrays as bytes; `decode` gives them back, bit for bit.

    >>> found = decode(encode({"w": np.arange(3.0)}), Path("weights.safetensors"))
    >>> found["w"].tolist()
    [0.0, 1.0, 2.0]
    """
    # A scalar becomes an array of one element under np.ascontiguousarray.
    whole = {n: np.ascontiguousarray(a).reshape(np.shape(a)) for n, a in arrays.items()}
    return safetensors_numpy.save(whole, {CHECKSUM: str(_checksum(whole))})


def decode(content: bytes, path: Path) -> dict[str, np.ndarray]:
    """The arrays by name; `path` is named in errors.

    Raises:
        DataError: bytes that are no safetensors, or whose checksum does not fit.
    """
    header = _header(content, path)
    try:
        found = safetensors.deserialize(content)
    except safetensors.SafetensorError as error:
        raise damaged(path, str(error)) from error
    arrays = {name: _array(name, entry, path) for name, entry in found}
    metadata = header.get("__metadata__")
    said = metadata.get(CHECKSUM) if isinstance(metadata, dict) else None
    if said is not None and said != str(_checksum(arrays)):
        raise damaged(path, "the numbers do not fit their checksum")
    return dict(sorted(arrays.items()))


def _header(content: bytes, path: Path) -> dict[str, object]:
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > len(content) - 8:
        raise damaged(path, f"its header claims {size} bytes of {len(content)}")
    try:
        header = json.loads(content[8 : 8 + size])
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise damaged(path, "its header is no table")
    return cast(dict[str, object], header)


def _array(name: str, entry: Mapping[str, object], path: Path) -> np.ndarray:
    kind, shape = KINDS.get(str(entry["dtype"])), cast(list[int], entry["shape"])
    if kind is None:
        raise damaged(path, f"{name} has elements of the unknown kind {entry['dtype']}")
    # A copy: what was read belongs to the file's bytes and may not be changed.
    return np.frombuffer(cast(bytes, entry["data"]), kind.numpy).reshape(shape).copy()


def _checksum(arrays: Arrays) -> int:
    """Over names, kinds, shapes and elements, in the order of names."""
    total = 0
    for name in sorted(arrays):
        array = arrays[name]
        total = zlib.crc32(f"{name} {array.dtype.name} {array.shape}".encode(), total)
        total = zlib.crc32(array.reshape(-1).view(np.uint8).data, total)
    return total
