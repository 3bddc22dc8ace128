"""Leaves that need no memory: uniform tensors, coordinates, sizes, scalar constants."""

from __future__ import annotations

from graphc.dtypes import DType
from graphc.ir.dim import Size
from graphc.ir.literal import Literal
from graphc.ir.node import Node
from graphc.kernels import build, index
from graphc.kernels.kernel import Affine, Expr
from graphc.ops import leaf

from .context import At, Context, lower


def _full(context: Context, node: Node, at: At) -> Expr:
    return build.const(node.attrs["value"], build.compute_dtype(node.types[0].dtype))  # pyright: ignore[reportArgumentType]


def _iota(context: Context, node: Node, at: At) -> Expr:
    place, kind = at[node.attrs["axis"]], build.compute_dtype(node.types[0].dtype)  # pyright: ignore[reportCallIssue, reportArgumentType]
    if isinstance(place, Affine):
        return build.coord(place, kind)
    return build.op("cast", index.as_expr(place), dtype=kind)


def _size_of(context: Context, node: Node, at: At) -> Expr:
    size, kind = node.attrs["size"], node.types[0].dtype
    return _size(size, build.compute_dtype(kind))  # pyright: ignore[reportArgumentType]


def _size(size: Size, kind: DType) -> Expr:
    return build.size_of(size, kind)


def _constant(context: Context, node: Node, at: At) -> Expr:
    literal = node.attrs["value"]
    assert isinstance(literal, Literal), "a constant holds a literal"
    assert literal.shape == (), "only scalars are inlined"
    kind = node.types[0].dtype
    number = literal.array.astype(
        "float32" if kind.is_float and kind.bits == 16 else literal.array.dtype
    )
    return build.const(number.item(), build.compute_dtype(kind))


lower(leaf.full_op, _full)
lower(leaf.iota_op, _iota)
lower(leaf.size_of_op, _size_of)
lower(leaf.constant_op, _constant)
