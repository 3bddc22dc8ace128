"""Running sums, products, maxima and minima: a program goes along its rows, block by block.

An array is seen as (outer, length, inner) around the axis; a row is one (outer, inner).
"""

from __future__ import annotations

from graphc.backends.triton_gpu.launch import Emitted, Launch
from graphc.ir.dim import Shape, Size, ceil_div, names_of, product
from graphc.kernels.build import compute_dtype
from graphc.kernels.evaluate import identity
from graphc.schedule.plan import CumulativeStep

from . import cells
from .writer import Writer, file_of, size_text

ROWS, LANES = 8, 128
_COMBINE = {"sum": "add", "prod": "product", "max": "maximum", "min": "minimum"}


def around(shape: Shape, axis: int) -> tuple[Size, Size, Size]:
    """(outer, length, inner) around an axis."""
    return product(shape[:axis]), shape[axis], product(shape[axis + 1 :])


def names_in(*sizes: Size) -> tuple[str, ...]:
    """The named sizes in some sizes, sorted."""
    return tuple(sorted({n for size in sizes for n in names_of(size)}))


def emit_cumulative(step: CumulativeStep) -> Emitted:
    """The launch of a running combination; buffers x0 and x1."""
    outer, length, inner = around(step.x.shape, step.axis)
    rows = outer * inner
    dtype = compute_dtype(step.x.dtype)
    kind = cells.type_text(dtype)
    start = cells.number_text(identity(step.kind, dtype), dtype)
    out = Writer(wide=True)
    n = size_text(length)
    out.line(f"ROWS: tl.constexpr = {ROWS}")
    out.line(f"LANES: tl.constexpr = {LANES}")
    program = out.program()
    out.line(f"row = {program} * ROWS + tl.arange(0, ROWS)[:, None]")
    out.line(f"is_row = row < {size_text(rows)}")
    out.line(
        f"first = row // {size_text(inner)} * {n} * {size_text(inner)} + row % {size_text(inner)}"
    )
    out.line(f"carry = tl.full([ROWS, 1], {start}, {kind})")
    with out.block(f"for start in range(0, {n}, LANES)"):
        out.line("place = start + tl.arange(0, LANES)[None, :]")
        out.line(f"inside = is_row & (place < {n})")
        out.line(f"here = {n} - 1 - place" if step.reverse else "here = place")
        load = f"tl.load(x0_ptr + first + here * {size_text(inner)}, mask=inside, other={start})"
        out.line(f"value = {load}.to({kind})")
        combine = _COMBINE[step.kind]
        out.line(f"value = {combine}(carry, tl.associative_scan(value, 1, {combine}))")
        if step.exclusive:
            _store_shifted(out, n, size_text(inner), step, start, kind)
        else:
            out.line(f"tl.store(x1_ptr + first + here * {size_text(inner)}, value, mask=inside)")
        last = "tl.arange(0, LANES)[None, :] == LANES - 1"
        picked = f"tl.where({last}, value, tl.zeros([ROWS, LANES], {kind}))"
        out.line(f"carry = {cells.along_text('sum', dtype, picked, 1, keep=True)}")
    name = f"cum{step.kind}"
    pointers = (("x0", step.x.dtype), ("x1", step.y.dtype))
    sizes = names_in(outer, length, inner)
    title = f"{name} along an axis of {length}, {outer} before and {inner} behind it"
    text = file_of(name, out, pointers, sizes, title)
    launch = Launch(name, text, pointers, sizes, (ceil_div(rows, ROWS), 1, 1), 4, wide=True)
    return Emitted((launch,))


def _store_shifted(
    out: Writer, n: str, inner: str, step: CumulativeStep, start: str, kind: str
) -> None:
    """Each result one place further on; the first is what changes nothing."""
    out.line(f"tl.store(x1_ptr + first + (here {'-' if step.reverse else '+'} 1) * {inner}, value, "
             f"mask=inside & (place + 1 < {n}))")  # fmt: skip
    out.line(f"tl.store(x1_ptr + first + here * {inner}, tl.full([ROWS, LANES], {start}, {kind}), "
             "mask=inside & (place == 0))")  # fmt: skip
