"""Sums of arrays that are padded to lie side by side become one array: what slices derive to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from graphc.ir.dim import Shape, Size
from graphc.ir.graph import Graph, graph, rewrite
from graphc.ir.node import Node, Tensor
from graphc.ops import elementwise, movement
from graphc.provenance import building_for

from .options import Options
from .regions import everywhere


def join_pads(given: Graph, options: Options) -> Graph:
    """Pads of zeros that together cover an axis are added to nothing but zeros.

    pad(a, 0, n) + pad(b, m, 0)  ->  concat(a, b)   for a of m and b of n rows

    Only with `fast_math`: -0.0 + 0.0 is 0.0.
    """
    return everywhere(given, _joined) if options.fast_math else given


def _joined(part: Graph) -> Graph:
    if not any(node.op is movement.pad_op for node in part.nodes):
        return part

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if node.op is not elementwise.add:
            return None
        axis, pieces = _pieces(inputs)
        if not pieces or any(t.shape != node.types[0].shape for t in inputs):
            return None
        with building_for(node.source):
            return (movement.concat(pieces, axis),)

    return graph(part.inputs, rewrite(part.outputs, replace))


def _pieces(inputs: Iterable[Tensor]) -> tuple[int, list[Tensor]]:
    """The axis along which the addends lie side by side, and they; none if they do not."""
    pads: list[Node] = []
    stack = list(inputs)
    while stack:
        node = stack.pop().node
        if node.op is elementwise.add:
            stack += node.inputs
        elif node.op is movement.pad_op:
            pads.append(node)
        else:
            return 0, []
    axes = {i for node in pads for i, ends in enumerate(_ends(node)) if ends != (0, 0)}
    if len(axes) != 1 or not all(map(_is_plain, pads)):
        return 0, []
    (axis,) = axes
    return axis, _in_order(pads, axis)


def _in_order(pads: list[Node], axis: int) -> list[Tensor]:
    """What is padded, from the first row to the last; nothing if rows are missing or meet."""
    rest: dict[Size, Node] = {_ends(node)[axis][0]: node for node in pads}
    if len(rest) != len(pads):
        return []
    at: Size = 0
    found: list[Tensor] = []
    while at in rest:
        x = rest.pop(at).inputs[0]
        found.append(x)
        at = at + x.shape[axis]
    return found if not rest and at == pads[0].types[0].shape[axis] else []


def _ends(node: Node) -> list[tuple[Size, Size]]:
    """What a pad adds before and after each axis."""
    low, high = (cast(Shape, node.attrs[name]) for name in ("low", "high"))
    return list(zip(low, high))


def _is_plain(node: Node) -> bool:
    holes = cast(tuple[int, ...], node.attrs["interior"])
    return node.attrs["value"] == 0 and not any(holes)
