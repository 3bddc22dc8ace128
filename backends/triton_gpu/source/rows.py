"""Rows of an array brought together, by their numbers: what each call of an epoch begins with."""

from __future__ import annotations

from graphc import dtypes
from graphc.backends.triton_gpu.launch import Launch
from graphc.dtypes import DType
from graphc.ir.dim import ceil_div, named

from .writer import Writer, file_of

WORDS = 1024
"""Words of a row that one program moves."""
_WIDTHS = (dtypes.int64, dtypes.int32, dtypes.int16, dtypes.int8)


def gather_rows(nbytes: int) -> Launch:
    """target[i] = source[order[i]] for rows of so many bytes, moved in words as wide as fit."""
    word = next(d for d in _WIDTHS if nbytes % d.itemsize == 0)
    out = Writer(wide=True)
    out.line(f"WORDS: tl.constexpr = {WORDS}")
    program = out.program()
    out.line("blocks = (words + WORDS - 1) // WORDS")
    out.line(f"row = {program} // blocks")
    out.line(f"place = {program} % blocks * WORDS + tl.arange(0, WORDS)")
    out.line("number = tl.load(order_ptr + row)")
    out.line("value = tl.load(source_ptr + number * words + place, mask=place < words, other=0)")
    out.line("tl.store(target_ptr + row * words + place, value, mask=place < words)")
    pointers: tuple[tuple[str, DType], ...] = (
        ("source", word), ("order", dtypes.int64), ("target", word),
    )  # fmt: skip
    sizes = ("rows", "words")
    text = file_of("gather_rows", out, pointers, sizes, "rows by their numbers")
    grid = named("rows") * ceil_div(named("words"), WORDS)
    # The order begins at any row of it.
    unaligned = frozenset({"order"})
    return Launch(
        "gather_rows", text, pointers, sizes, (grid, 1, 1), 4, wide=True, unaligned=unaligned
    )
