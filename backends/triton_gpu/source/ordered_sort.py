"""Stable sorting of rows: blocks by counting, then runs merged in pairs.

    key     values as integers in the order wanted (NaN last, first when descending), with places
    block   the rank of a key is the number of keys of its block that come before it
    merge   the place of a key is its place in its own run, and how many of the other run come
            before it, found by bisection; the run grows from launch to launch
    gather  values and places in order
Every dtype and every length takes this way, and equal keys keep their order.
"""

from __future__ import annotations

from graphc import dtypes
from graphc.backends.triton_gpu.launch import Emitted, Launch
from graphc.dtypes import DType
from graphc.ir.dim import Size, ceil_div
from graphc.schedule.plan import SortStep

from . import cells
from .ordered import around, names_in
from .writer import Writer, file_of, size_text

BLOCK = 64
"""Keys that are sorted by counting; the length of the first runs."""
THREADS = 256
"""Keys of one program of the other launches."""
RUN = "run"
"""The size argument that says how long the sorted runs are."""


def key_dtype(dtype: DType) -> DType:
    """The integers that values are sorted as."""
    return dtypes.int64 if dtype.bits == 64 else dtypes.int32


def emit_sort(step: SortStep) -> Emitted:
    """Launches `block`, `merge`, `merge` back, `gather`; buffers x0 (values), x1 (sorted), x2
    (places), and two pairs of keys and places. `rounds` says how often the merges run."""
    outer, length, inner = around(step.x.shape, step.axis)
    rows = outer * inner
    key = key_dtype(step.x.dtype)
    pairs = (("key_a", key), ("place_a", dtypes.int32)), (("key_b", key), ("place_b", dtypes.int32))
    there, back = (pairs[0], pairs[1]), (pairs[1], pairs[0])
    launches = (
        _block(step, rows, length, inner),
        _merge(there, rows, length),
        _merge(back, rows, length),
        _gather(step, pairs[0], rows, length, inner),
        _gather(step, pairs[1], rows, length, inner),
    )
    scratch = tuple((name, dtype, rows * length) for pair in pairs for name, dtype in pair)
    return Emitted(launches, scratch)


def rounds(length: int) -> list[int]:
    """The lengths of the runs before each merge."""
    found, run = [], BLOCK
    while run < length:
        found.append(run)
        run *= 2
    return found


def _head(rows: Size, length: Size) -> Writer:
    """One thread per key: its row, and its number there."""
    out = Writer(wide=True)
    n = size_text(length)
    out.line(f"LANES: tl.constexpr = {THREADS}")
    out.line(f"number = {out.program()} * LANES + tl.arange(0, LANES)")
    out.line(f"inside = number < {size_text(rows * length)}")
    out.line(f"row = number // {n}")
    out.line(f"here = number % {n}")
    return out


def _block(step: SortStep, rows: Size, length: Size, inner: Size) -> Launch:
    out = Writer(wide=True)
    n, i = size_text(length), size_text(inner)
    kind = cells.type_text(key_dtype(step.x.dtype))
    most = cells.number_text(_most(key_dtype(step.x.dtype)), key_dtype(step.x.dtype))
    blocks = ceil_div(length, BLOCK)
    out.line(f"BLOCK: tl.constexpr = {BLOCK}")
    program = out.program()
    out.line(f"row = {program} // {size_text(blocks)}")
    out.line(f"start = {program} % {size_text(blocks)} * BLOCK")
    out.line(f"first = row // {i} * {n} * {i} + row % {i}")
    for side, shape in (("mine", "[:, None]"), ("other", "[None, :]")):
        out.line(f"{side}_at = start + tl.arange(0, BLOCK){shape}")
        load = f"tl.load(x0_ptr + first + {side}_at * {i}, mask={side}_at < {n}, other=0)"
        out.line(f"{side} = {_key_text(step.x.dtype, load, step.descending)}")
        out.line(f"{side} = tl.where({side}_at < {n}, {side}, tl.full((), {most}, {kind}))")
    out.line("before = (other < mine) | ((other == mine) & (other_at < mine_at))")
    out.line("rank = tl.sum(before.to(tl.int32), 1, keep_dims=True)")
    out.line(f"to = row * {n} + start + rank")
    out.line(f"tl.store(key_a_ptr + to, mine, mask=mine_at < {n})")
    out.line(f"tl.store(place_a_ptr + to, mine_at.to(tl.int32), mask=mine_at < {n})")
    pointers = (("x0", step.x.dtype), ("key_a", key_dtype(step.x.dtype)), ("place_a", dtypes.int32))
    return _launch("sort_block", out, pointers, names_in(rows, length, inner), rows * blocks)


def _key_text(dtype: DType, text: str, descending: bool) -> str:
    key = cells.type_text(key_dtype(dtype))
    match dtype.kind:
        case "f":
            wide = f"{text}.to({'tl.float64' if dtype.bits == 64 else 'tl.float32'})"
            found = f"real_key({wide}, {key})"
        case "u":
            found = f"natural_key({text}, {key})"
        case _:
            found = f"{text}.to({key})"
    return f"~({found})" if descending else found


def _most(dtype: DType) -> int:
    return 2 ** (dtype.bits - 1) - 1


def _merge(
    pairs: tuple[tuple[tuple[str, DType], ...], tuple[tuple[str, DType], ...]], rows: Size,
    length: Size,
) -> Launch:  # fmt: skip
    (key, place), (new_key, new_place) = pairs
    out = _head(rows, length)
    n = size_text(length)
    out.line(f"mine = tl.load({key[0]}_ptr + number, mask=inside, other=0)")
    out.line(f"place = tl.load({place[0]}_ptr + number, mask=inside, other=0)")
    out.line(f"run_number = here // {RUN}")
    out.line("is_left = run_number % 2 == 0")
    out.line(f"own = run_number * {RUN}")
    out.line(f"other = tl.minimum(tl.where(is_left, own + {RUN}, own - {RUN}), {n})")
    out.line("low = other * 0")
    out.line(f"high = tl.minimum(other + {RUN}, {n}) - other")
    out.line("turn = tl.max(high, 0)")
    with out.block("while turn > 0"):
        out.line("middle = (low + high) // 2")
        out.line("search = inside & (low < high)")
        out.line(f"met = tl.load({key[0]}_ptr + row * {n} + other + middle, mask=search, other=0)")
        out.line("before = (met < mine) | ((met == mine) & (is_left == 0))")
        out.line("low = tl.where(search & before, middle + 1, low)")
        out.line("high = tl.where(search & (before == 0), middle, high)")
        out.line("turn = turn // 2")
    out.line(f"to = row * {n} + tl.minimum(own, other) + here - own + low")
    out.line(f"tl.store({new_key[0]}_ptr + to, mine, mask=inside)")
    out.line(f"tl.store({new_place[0]}_ptr + to, place, mask=inside)")
    sizes = (RUN, *names_in(rows, length))
    return _launch(
        "sort_merge", out, (*pairs[0], *pairs[1]), sizes, ceil_div(rows * length, THREADS)
    )


def _gather(
    step: SortStep, pair: tuple[tuple[str, DType], ...], rows: Size, length: Size, inner: Size
) -> Launch:
    out = _head(rows, length)
    n, i = size_text(length), size_text(inner)
    out.line(f"place = tl.load({pair[1][0]}_ptr + number, mask=inside, other=0)")
    out.line(f"first = row // {i} * {n} * {i} + row % {i}")
    out.line(f"value = tl.load(x0_ptr + first + place * {i}, mask=inside, other=0)")
    out.line(f"tl.store(x1_ptr + first + here * {i}, value, mask=inside)")
    kind = cells.type_text(step.indices.dtype)
    out.line(f"tl.store(x2_ptr + first + here * {i}, place.to({kind}), mask=inside)")
    pointers = (
        ("x0", step.x.dtype), ("x1", step.values.dtype), ("x2", step.indices.dtype), pair[1],
    )  # fmt: skip
    blocks = ceil_div(rows * length, THREADS)
    return _launch("sort_gather", out, pointers, names_in(rows, length, inner), blocks)


def _launch(
    name: str, out: Writer, pointers: tuple[tuple[str, DType], ...], sizes: tuple[str, ...],
    programs: Size,
) -> Launch:  # fmt: skip
    text = file_of(name, out, pointers, sizes)
    return Launch(name, text, pointers, sizes, (programs, 1, 1), 4, wide=True)
