"""Operands of a contraction that are copied as tiles of a matrix, by descriptors.

    a[m, k]            row m,                     column k
    w[y, x, c, n]      row (y * width + x) * channels + c,   column n
A copy begins at a row and a column and is a tile long both ways; what lies outside of the matrix is
zero. So one of them counts M or N, the other K, in steps of one; and a tile that is longer than
what is left of K must end outside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from graphc.backends.triton_gpu.launch import TensorMap
from graphc.dtypes import DType
from graphc.ir.dim import Size, divisor, product
from graphc.kernels.kernel import Affine, Axis, Expr, Load
from graphc.kernels.roles import Contraction
from graphc.kernels.walk import expressions_of

from .body import flat_index
from .contract_tile import VECTOR_BYTES, ProductTile
from .contract_turns import Turns, turns_of
from .writer import size_text


@dataclass(frozen=True, slots=True)
class Matrix:
    """An operand as tiles of a matrix: where a tile begins, its axes counted by their first."""

    map: TensorMap
    row: Affine
    column: Affine
    depth_first: bool
    """Whether K runs along the rows."""


def matrices(c: Contraction, tile: ProductTile, numbers: DType) -> dict[Expr, Matrix]:
    """The operands that a tile wants by descriptors, and that can be had so.

    All that is read of their buffers is read in this way.
    """
    if not tile.maps:
        return {}
    turns = turns_of(c, tile.depth)
    sides = [(c.a, c.m, tile.rows), *((b, c.n, tile.columns) for b in c.b)]
    found = {
        e: made
        for e, names, width in sides
        if isinstance(e, Load) and e.buffer.dtype is numbers
        and (made := _matrix(e, names, width, turns))
    }  # fmt: skip
    maps: defaultdict[str, set[TensorMap | None]] = defaultdict(set)
    for e in expressions_of(c.kernel):
        if isinstance(e, Load):
            maps[e.buffer.name].add(found[e].map if e in found else None)
    for s in c.kernel.stores:
        maps[s.buffer.name].add(None)
    return {e: made for e, made in found.items() if maps[made.map.pointer] == {made.map}}


def place_text(i: Affine, starts: Mapping[str, str], wide: bool) -> str:
    """Where a tile begins along one side, in 32 bits."""
    terms = [starts[n] if coef == 1 else f"{starts[n]} * {size_text(coef)}" for n, coef in i.terms]
    terms = [t for t in terms if t != "0"]
    if i.const != 0 or not terms:
        terms.append(size_text(i.const))
    text = " + ".join(terms)
    return f"tl.cast({text}, tl.int32)" if wide and not text.isdecimal() else text


def _matrix(e: Load, names: tuple[str, ...], width: int, turns: Turns) -> Matrix | None:
    """The operand, whose other axes than K are `names`, as a matrix."""
    shape = e.buffer.shape
    if len(names) != 1 or len(turns.inner) != 1 or e.checked or e.exact:
        return None
    (name,), (k,) = names, turns.inner
    for d in range(1, len(shape)):
        rows, length = product(shape[:d]), product(shape[d:])
        row, column = _flat(e, slice(d)), _flat(e, slice(d, None))
        if row is None or column is None or not isinstance(length, int):
            continue
        depth_first = k.name in row.axes
        along, across = (row, column) if depth_first else (column, row)
        steps = along.coef(k.name), along.coef(name), across.coef(name), across.coef(k.name)
        is_whole = length * e.buffer.dtype.itemsize % VECTOR_BYTES == 0
        if (
            steps == (1, 0, 1, 0)
            and is_whole
            and _ends(k, along, rows if depth_first else length, turns.depth)
        ):
            block = (turns.depth, width) if depth_first else (width, turns.depth)
            return Matrix(TensorMap(e.buffer.name, (rows, length), block), row, column, depth_first)
    return None


def _flat(e: Load, dims: slice) -> Affine | None:
    """The index along some dimensions, as one number."""
    return flat_index(replace(e.buffer, shape=e.buffer.shape[dims]), e.index[dims])


def _ends(k: Axis, along: Affine, size: Size, depth: int) -> bool:
    """Whether nothing but zeros is read beyond the end of K."""
    part = k.part
    total = k.size if part is None else part.total
    if part is not None and divisor(part.block) % depth:
        return False
    if divisor(total) % depth == 0:
        return True
    alone = {k.name} if part is None else {k.name, part.parent}
    return total == size and {n for n, _ in along.terms} == alone and along.const == 0
