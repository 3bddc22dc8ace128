"""Small Triton functions written by hand: a copy, the sums of rows, a matrix product."""

from __future__ import annotations

from graphc import dtypes
from graphc.backends.triton_gpu.launch import Launch, TensorMap
from graphc.ir.dim import named

HEADER = """# A function of the tests.
import triton
import triton.language as tl

"""

COPY = (
    HEADER
    + """
@triton.jit
def copy(source, target, n):
    at = tl.program_id(0) * 1024 + tl.arange(0, 1024)
    tl.store(target + at, tl.load(source + at, mask=at < n), mask=at < n)
"""
)

ROW_SUM = (
    HEADER
    + """
@triton.jit
def row_sum(source, target, rows, columns):
    row = tl.program_id(0)
    total = tl.zeros([1024], tl.float32)
    for start in range(0, columns, 1024):
        at = start + tl.arange(0, 1024)
        total += tl.load(source + row * columns + at, mask=at < columns, other=0.0)
    tl.store(target + row, tl.sum(total, axis=0))
"""
)

MATMUL = (
    HEADER
    + """
@triton.jit
def matmul(a, b, c, m):
    rows = tl.program_id(0) * {tile} + tl.arange(0, {tile})
    columns = tl.program_id(1) * {tile} + tl.arange(0, {tile})
    total = tl.zeros([{tile}, {tile}], tl.float32)
    for start in range(0, 1024, 64):
        k = start + tl.arange(0, 64)
        left = tl.load(a + rows[:, None] * 1024 + k[None, :], mask=rows[:, None] < m, other=0.0)
        right = tl.load(b + k[:, None] * 1024 + columns[None, :])
        total = tl.dot(left, right, total)
    tl.store(c + rows[:, None] * 1024 + columns[None, :], total, mask=rows[:, None] < m)
"""
)

# The same by descriptors of tiles.
MATMUL_OF_TILES = (
    HEADER
    + """
@triton.jit
def matmul_of_tiles(a, b, c, m):
    row, column = tl.program_id(0) * 128, tl.program_id(1) * 128
    total = tl.zeros([128, 128], tl.float32)
    for start in range(0, 1024, 64):
        total = tl.dot(a.load([row, start]), b.load([start, column]), total)
    c.store([row, column], total.to(tl.bfloat16))
"""
)

n, m = named("n"), named("m")
f32, bf16 = dtypes.float32, dtypes.bfloat16


def copy(dtype=f32, **changes) -> Launch:
    pointers = (("source", dtype), ("target", dtype))
    return Launch("copy", COPY, pointers, ("n",), (-(-n // 1024), 1, 1), **changes)


def row_sum(**changes) -> Launch:
    pointers = (("source", f32), ("target", f32))
    return Launch("row_sum", ROW_SUM, pointers, ("n", "m"), (n, 1, 1), **changes)


def matmul(tile=128, **changes) -> Launch:
    pointers = (("a", bf16), ("b", bf16), ("c", f32))
    grid = (-(-m // tile), 1024 // tile, 1)
    text = MATMUL.format(tile=tile)
    return Launch("matmul", text, pointers, ("m",), grid, **{"warps": 8, **changes})


def matmul_of_tiles(**changes) -> Launch:
    pointers = (("a", bf16), ("b", bf16), ("c", bf16))
    grid = (-(-m // 128), 8, 1)
    maps = (
        TensorMap("a", (m, 1024), (128, 64)),
        TensorMap("b", (1024, 1024), (64, 128)),
        TensorMap("c", (m, 1024), (128, 128)),
    )
    text = MATMUL_OF_TILES
    return Launch("matmul_of_tiles", text, pointers, ("m",), grid, warps=8, maps=maps, **changes)
