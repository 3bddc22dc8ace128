"""Per-channel scales and shifts after a product go into its weights, when nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.graph import Graph, graph, rewrite, users
from graphc.ir.node import Node, Op, Tensor, apply
from graphc.ops import conv, elementwise, leaf, matmul
from graphc.ops.convert import broadcast_to, broadcast_to_op
from graphc.ops.movement import reshape, reshape_op
from graphc.provenance import building_for

from .options import Options

_FIXED = (leaf.variable_op, leaf.constant_op, leaf.full_op)


def fold_inference(given: Graph, options: Options) -> Graph:
    """Batch normalisation with known moments becomes part of the kernel before it.

    (conv(x, w) + b - mean) * s  ->  conv(x, w * s) + (b - mean) * s
    """
    if not options.inference:
        return given
    fixed = _fixed(given)
    readers = users(given.nodes)
    outputs = set(given.outputs)
    rebuilt: dict[Node, tuple[Tensor, ...]] = {}  # the inputs of products after what came before

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if node.op in _PRODUCTS:
            rebuilt[node] = inputs
        if node.op not in _AFFINE or node in fixed or _goes_on(node, fixed, readers, outputs):
            return None
        with building_for(node.source):
            found = _affine(node.output(), fixed, readers, outputs)
            result = _applied(found, node.output(), rebuilt) if found is not None else None
        return None if result is None else (result,)

    return graph(given.inputs, rewrite(given.outputs, replace))


@dataclass(frozen=True, slots=True)
class _Affine:
    """base * scale + shift, with scale and shift per channel (rank 1, or None)."""

    base: Tensor
    scale: Tensor | None = None
    shift: Tensor | None = None


_AFFINE = (elementwise.add, elementwise.sub, elementwise.mul, elementwise.div)
_PRODUCTS = (conv.conv_op, matmul.dot_general_op)


def _fixed(given: Graph) -> set[Node]:
    """Nodes made of variables and numbers alone."""
    found: set[Node] = set()
    for node in given.nodes:
        if node.op in _FIXED or (node.inputs and all(t.node in found for t in node.inputs)):
            found.add(node)
    return found


def _goes_on(
    node: Node, fixed: set[Node], readers: dict[Tensor, list[Node]], outputs: set[Tensor]
) -> bool:
    """Whether the one reader of a node is part of the same chain, so that folding starts there."""
    after = readers.get(node.output(), [])
    if len(after) != 1 or after[0].op not in _AFFINE or node.output() in outputs:
        return False
    return any(t.node in fixed for t in after[0].inputs)


def _affine(
    x: Tensor, fixed: set[Node], readers: dict[Tensor, list[Node]], outputs: set[Tensor]
) -> _Affine | None:
    """A chain of scales and shifts down to a product that nothing else reads."""
    chain: list[tuple[Node, int]] = []
    while x.node.op in _AFFINE:
        sides = [i for i in (0, 1) if x.node.inputs[i].node not in fixed]
        if len(sides) != 1 or (x.node.op is elementwise.div and sides[0] == 1):
            return None
        chain.append((x.node, sides[0]))
        x = x.node.inputs[sides[0]]
        if len(readers[x]) != 1 or x in outputs:
            return None
    if x.node.op not in _PRODUCTS or x.node.inputs[1].node not in fixed:
        return None
    found: _Affine | None = _Affine(x)
    for node, side in reversed(chain):
        vector = _per_channel(node.inputs[1 - side], x)
        found = _then(found, node, side, vector) if found and vector is not None else None
    return found if found is not None and found.scale is not None else None


def _then(found: _Affine, node: Node, side: int, v: Tensor) -> _Affine:
    """One more step of the chain."""
    op, scale, shift = node.op, found.scale, found.shift
    if op in (elementwise.mul, elementwise.div):
        return _Affine(
            found.base,
            op(scale, v) if scale is not None else _first(op, v),
            op(shift, v) if shift is not None else None,
        )
    if op is elementwise.sub and side == 1:  # v - x
        minus = elementwise.neg(scale) if scale is not None else elementwise.mul(v, 0) - 1  # pyright: ignore
        return _Affine(found.base, minus, v if shift is None else elementwise.sub(v, shift))
    if shift is not None:
        return _Affine(found.base, scale, op(shift, v))
    return _Affine(found.base, scale, v if op is elementwise.add else elementwise.neg(v))


def _first(op: Op, v: Tensor) -> Tensor:
    return v if op is elementwise.mul else elementwise.reciprocal(v)


def _per_channel(value: Tensor, product: Tensor) -> Tensor | None:
    """A tensor that varies along the last axis only, as a vector; None if it varies elsewhere."""
    channels = product.shape[-1]
    if value.node.op is leaf.full_op:
        return leaf.uniform((channels,), value.node.attrs["value"], value.dtype)  # pyright: ignore
    if value.node.op is not broadcast_to_op:
        return None
    source = value.node.inputs[0]
    if source.node.op is reshape_op and source.node.inputs[0].shape == (channels,):
        source = source.node.inputs[0]
    if any(s != 1 for s in source.shape[:-1]) or not source.shape:
        return None
    return broadcast_to(reshape(source, source.shape[-1:]), (channels,))


def _applied(
    found: _Affine, whole: Tensor, rebuilt: dict[Node, tuple[Tensor, ...]]
) -> Tensor | None:
    """The product with the scale in its weights, and one shift."""
    node, scale = found.base.node, found.scale
    x, w = rebuilt[node]
    assert scale is not None, "a chain without a scale is left as it is"
    if node.op is matmul.dot_general_op:
        contract, batch = node.attrs["contract"], node.attrs["batch"]
        last = w.ndim - 1
        if batch != ((), ()) or last in contract[1]:  # pyright: ignore
            return None
    kernel = elementwise.mul(w, broadcast_to(scale, w.shape))
    made = apply(node.op, (x, kernel), node.attrs, node.source).output()
    if found.shift is None:
        return made
    return elementwise.add(made, broadcast_to(found.shift, whole.shape))
