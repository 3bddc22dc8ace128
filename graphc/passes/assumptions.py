"""What a node takes for granted about symbolic sizes: one row per family of ops.

`ops/` lets two unknown sizes meet and assumes that they are equal; `unify_sizes.py` collects these
assumptions here, solves them, and leaves the rest to be checked when the function is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from graphc.ir.dim import Dim, Shape, Size, product
from graphc.ir.graph import Graph
from graphc.ir.laws import given_to_regions
from graphc.ir.node import Node, Op, Tensor
from graphc.ops import control, conv, index, matmul, movement, pool
from graphc.ops.convert import broadcast_to_op
from graphc.ops.index import gathered_shape

from .regions import count, region

Relation = Literal["==", "<="]
Assumption = tuple[Size, Relation, Size]


def assumptions(node: Node) -> Iterator[Assumption]:
    """Everything that must hold of the sizes at a node; what plainly holds may be among it."""
    if "elementwise" in node.op.traits:
        first = node.inputs[0].shape
        yield from (row for t in node.inputs[1:] for row in equal(first, t.shape))
    elif node.op in _ASSUMED:
        yield from _ASSUMED[node.op](node)
    for kind in node.types:
        yield from (_at_most(0, size) for size in kind.shape if _may_be_negative(size))


def equal(a: Iterable[Size], b: Iterable[Size]) -> Iterator[Assumption]:
    """Two shapes of one rank are the same."""
    for x, y in zip(a, b, strict=True):
        if x != y:
            yield x, "==", y


def _at_most(a: Size, b: Size) -> Assumption:
    return a, "<=", b


def _may_be_negative(size: Size) -> bool:
    """Named sizes never are; differences and quotients may be."""
    if not isinstance(size, Dim):
        return False
    return any(c < 0 or any(not isinstance(a, str) for a in m) for m, c in size.terms)


# ---------------------------------------------------------------------------- families


def _broadcast(node: Node) -> Iterator[Assumption]:
    source, shape = node.inputs[0].shape, node.types[0].shape
    for a, b in zip(source, shape[len(shape) - len(source) :]):
        if a != 1 and a != b:
            yield a, "==", b


def _reshape(node: Node) -> Iterator[Assumption]:
    yield product(node.inputs[0].shape), "==", product(node.types[0].shape)


def _slice(node: Node) -> Iterator[Assumption]:
    for a, b, size in zip(_shape(node, "start"), _shape(node, "stop"), node.inputs[0].shape):
        yield from (_at_most(0, a), _at_most(a, b), _at_most(b, size))


def _pad(node: Node) -> Iterator[Assumption]:
    for name in ("low", "high"):
        yield from (_at_most(0, size) for size in _shape(node, name))


def _concat(node: Node) -> Iterator[Assumption]:
    axis, first = count(node, "axis"), node.inputs[0].shape
    for t in node.inputs[1:]:
        yield from equal(_without(first, axis), _without(t.shape, axis))


def _dot_general(node: Node) -> Iterator[Assumption]:
    a, b = node.inputs
    for name in ("contract", "batch"):
        left, right = node.attrs[name]  # pyright: ignore
        yield from equal([a.shape[i] for i in left], [b.shape[j] for j in right])  # pyright: ignore


def _conv(node: Node) -> Iterator[Assumption]:
    x, w = node.inputs
    yield x.shape[-1], "==", w.shape[-2] * count(node, "groups")


def _gather(node: Node) -> Iterator[Assumption]:
    x, places = node.inputs[:2]
    batch = count(node, "batch_dims")
    yield from equal(x.shape[:batch], places.shape[:batch])


def _scatter(node: Node) -> Iterator[Assumption]:
    x, places, updates = node.inputs
    yield from _gather(node)
    shape = gathered_shape(x, places, count(node, "axis"), count(node, "batch_dims"))
    yield from equal(shape, updates.shape)


def _window_gather(node: Node) -> Iterator[Assumption]:
    yield from equal(node.types[0].shape, node.inputs[1].shape)


def _window_scatter(node: Node) -> Iterator[Assumption]:
    yield from equal(node.inputs[0].shape, node.inputs[1].shape)


# ---------------------------------------------------------------------------- regions


def _scan(node: Node) -> Iterator[Assumption]:
    carries, scanned = count(node, "carries"), count(node, "scanned")
    length: Size = node.attrs["length"]  # pyright: ignore[reportAssignmentType]
    for t in node.inputs[carries : carries + scanned]:
        yield from equal((length,), t.shape[:1])
    yield from _loop(node)


def _loop(node: Node) -> Iterator[Assumption]:
    carried = node.inputs[: count(node, "carries")]
    for name in ("body", "condition") if node.op is control.while_op else ("body",):
        yield from _given(node, region(node, name))
    yield from _same(region(node, "body").outputs, carried)


def _cond(node: Node) -> Iterator[Assumption]:
    branches = [region(node, name) for name in ("then_body", "else_body")]
    for branch in branches:
        yield from _given(node, branch)
    yield from _same(branches[0].outputs, branches[1].outputs)


def _call(node: Node) -> Iterator[Assumption]:
    yield from _given(node, region(node, "body"))


def _given(node: Node, body: Graph) -> Iterator[Assumption]:
    types = given_to_regions(node)
    assert types is not None, "control ops give something to their regions"
    for kind, t in zip(types, body.inputs, strict=True):
        yield from equal(kind.shape, t.shape)


def _same(a: Iterable[Tensor], b: Iterable[Tensor]) -> Iterator[Assumption]:
    for x, y in zip(a, b):
        yield from equal(x.shape, y.shape)


def _shape(node: Node, name: str) -> Shape:
    return node.attrs[name]  # pyright: ignore[reportReturnType]


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


# fmt: off
_ASSUMED: dict[Op, Callable[[Node], Iterator[Assumption]]] = {
    broadcast_to_op:         _broadcast,
    movement.reshape_op:     _reshape,
    movement.slice_op:       _slice,
    movement.pad_op:         _pad,
    movement.concat_op:      _concat,
    matmul.dot_general_op:   _dot_general,
    conv.conv_op:            _conv,
    pool.window_gather_op:   _window_gather,
    pool.window_scatter_op:  _window_scatter,
    index.gather_op:         _gather,
    index.scatter_add_op:    _scatter,
    index.scatter_set_op:    _scatter,
    control.scan_op:         _scan,
    control.while_op:        _loop,
    control.cond_op:         _cond,
    control.call_op:         _call,
}
# fmt: on
