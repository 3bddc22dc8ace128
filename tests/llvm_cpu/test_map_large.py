"""Numbers and addresses beyond 2**31."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.dtypes import DType
from graphc.ir.dim import named
from graphc.kernels.build import coord, load, op, store
from graphc.kernels.kernel import Affine, Axis, Buffer, Index, Kernel

from .map_runner import Compiled, check

BIG = 2**31 + 1000
N = named("n")

# fmt: off
INDICES = {
    "base":     Affine((("i", 3),), 2**33 + 1),
    "step":     Affine((("i", 2**31),), -7),
    "divided":  Affine((("i", 5),), 2**33, 3),
    "modulo":   Affine((("i", 5),), 2**33, 3, 1000),
    "backward": Affine((("i", -(2**30)),), 5, 7),
    "named":    Affine((("i", N * N),), N),
}
# fmt: on


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "uint8", "float32", "float64"])
def test_coordinates(dtype: str) -> None:
    of = dtypes.as_dtype(dtype)
    stores = [
        store(Buffer(f"y_{name}", of, (37,)), "i", coord(index, of))
        for name, index in INDICES.items()
        if name != "backward" or of.kind != "u"
    ]
    check(Kernel("coordinates", (Axis("i", 37),), tuple(stores)), {"n": 70000}, tolerance=1e-7)


def bytes_at(places: list[int]) -> np.ndarray:
    """A large array of zeros (memory that is not touched costs nothing), not zero at places."""
    large = np.zeros(BIG, np.uint8)
    large[places] = np.arange(1, len(places) + 1)
    return large


def read(index: Index, size: object, extent: int, **inputs: np.ndarray) -> np.ndarray:
    """x[index] for every i, where x has 2**31 + 1000 elements of one byte."""
    x = Buffer("x", dtypes.uint8, (size,))
    y = Buffer("y", dtypes.uint8, (extent,))
    kernel = Kernel("read", (Axis("i", extent),), (store(y, "i", load(x, index)),))
    got = np.zeros(extent, np.uint8)
    Compiled(kernel).run({**inputs, "y": got}, {"n": BIG})
    return got


@pytest.mark.parametrize("size", [N, BIG], ids=["named", "known"])
def test_addresses(size: object) -> None:
    steps = list(range(7, BIG, 2**27))
    x = bytes_at(steps)
    want = np.arange(1, len(steps) + 1)
    index = Affine((("i", 2**27),), 7)
    np.testing.assert_array_equal(read(index, size, len(steps), x=x), want)


@pytest.mark.parametrize("size", [N, BIG], ids=["named", "known"])
@pytest.mark.parametrize("dtype", [dtypes.int64, dtypes.uint32])
def test_gathers(size: object, dtype: DType) -> None:
    places = [0, 2**31 - 1, 2**31, 2**31 + 999, 17]
    key = load(Buffer("k", dtype, (len(places),)), "i")
    keys = np.array(places, dtype.numpy)
    got = read(key, size, len(places), x=bytes_at(places), k=keys)
    np.testing.assert_array_equal(got, [1, 2, 3, 4, 5])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "bool", "uint8"])
def test_narrow_results_pass_by_the_caches(dtype: str) -> None:
    """So many that they are streamed; they are converted all the same."""
    of, count = dtypes.as_dtype(dtype), 1 << 24
    x, y = Buffer("x", dtypes.float32, (64,)), Buffer("y", of, (count // 64, 64))
    value = op("cast", load(x, "j"), dtype=dtypes.bool_ if dtype == "bool" else of)
    if of.is_float:
        value = op(f"round_{dtype}", load(x, "j"), dtype=dtypes.float32)
    stores = (store(y, ("i", "j"), value),)
    kernel = Kernel("narrow", (Axis("i", count // 64), Axis("j", 64)), stores)
    raw = np.zeros(count * of.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    got = raw[start : start + count * of.itemsize].view(of.numpy).reshape(-1, 64)
    given = np.arange(64, dtype=np.float32) / 3
    Compiled(kernel).run({"x": given, "y": got}, {})
    assert (got == given.astype(of.numpy)).all()
