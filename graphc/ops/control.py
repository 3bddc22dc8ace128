"""Loops and branches whose bodies are graphs, calls with their own derivative, all_reduce, labels.

A body is traced once into a closed `Graph`: what it uses from outside becomes an extra input, and
whatever in the body of a loop depends on no input of the body is computed once, outside. Attributes
say how the inputs are made up:

    scan        (carry*, xs*, captured*)  ->  (carry*, ys*)      body: (carry*, x*, captured*)
    while_loop  (carry*, captured*)       ->  carry*             condition, body: all inputs
    cond        (predicate, captured*)    ->  result*            then_body, else_body: captured*
    call        (input*)                  ->  result*            body: input*
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import cast

from graphc import dtypes
from graphc.errors import ArgumentError, DTypeError, ShapeError
from graphc.ir.dim import Size, may_equal
from graphc.ir.graph import Graph, depends_on, graph, rewrite, substitute, topological
from graphc.ir.mode import build, inside_region, is_eager
from graphc.ir.node import Node, Op, Tensor, TensorType, recording_nodes
from graphc.ir.tree import Tree, leaves, like, tree_map

from . import leaf
from .convert import TensorLike, as_tensor

TensorTree = Tree[TensorLike]

# ---------------------------------------------------------------------------- ops


def types_of(tensors: Sequence[Tensor]) -> tuple[TensorType, ...]:
    """The types of tensors."""
    return tuple(t.type for t in tensors)


def _infer_scan(
    *inputs: Tensor, body: Graph, carries: int, scanned: int, length: Size, reverse: bool
) -> tuple[TensorType, ...]:
    ys = body.outputs[carries:]
    stacked = tuple(TensorType((length, *y.shape), y.dtype) for y in ys)
    return types_of(inputs[:carries]) + stacked


def _infer_while(
    *inputs: Tensor, condition: Graph, body: Graph, carries: int
) -> tuple[TensorType, ...]:
    return types_of(inputs[:carries])


def _infer_cond(
    predicate: Tensor, *captured: Tensor, then_body: Graph, else_body: Graph
) -> tuple[TensorType, ...]:
    return types_of(then_body.outputs)


def _infer_call(*inputs: Tensor, body: Graph, backward: Graph | None) -> tuple[TensorType, ...]:
    return types_of(body.outputs)


_CONTROL = frozenset({"control"})
scan_op = Op("scan", _infer_scan, traits=_CONTROL)
while_op = Op("while_loop", _infer_while, traits=_CONTROL)
cond_op = Op("cond", _infer_cond, traits=_CONTROL)
call_op = Op("call", _infer_call, traits=_CONTROL)
all_reduce_op = Op("all_reduce", lambda x, *, kind: x.type)
after_op = Op("after", lambda x, other: x.type)
label_op = Op("label", lambda x, *, text, number: x.type)
OPS = (scan_op, while_op, cond_op, call_op, all_reduce_op, after_op, label_op)

# ---------------------------------------------------------------------------- public functions


def scan(
    step: Callable[[TensorTree, TensorTree], tuple[TensorTree, TensorTree]], init: TensorTree,
    xs: TensorTree = None, length: Size | None = None, reverse: bool = False,
) -> tuple[Tree[Tensor], Tree[Tensor]]:  # fmt: skip
    """Run `carry, y = step(carry, x)` along the first axis of xs; the final carry and stacked ys.

    Carries and xs are tensors or nested tuples, lists and dicts of them; carries keep their types.

    >>> total, sums = scan(lambda c, x: (c + x, c + x), leaf.zeros(()), leaf.zeros((5,)))
    >>> total.shape, sums.shape
    ((), (5,))
    """
    carry = tree_map(as_tensor, init)
    columns = tree_map(as_tensor, xs)
    steps = _length(leaves(columns), length)
    forms: list[Tree[Tensor]] = []

    def body(*flat: Tensor) -> list[Tensor]:
        count = len(leaves(carry))
        new, y = step(like(carry, flat[:count]), like(columns, flat[count:]))
        result = [tree_map(as_tensor, new), tree_map(as_tensor, y)]
        forms[:] = [result[1]]
        _same_types("scan", leaves(carry), leaves(result[0]))
        return [*leaves(result[0]), *leaves(result[1])]

    starts, rows = leaves(carry), leaves(columns)
    slices = [TensorType(x.shape[1:], x.dtype) for x in rows]
    region, captured = trace(body, [*types_of(starts), *slices])
    outputs = build_scan(region, starts, rows, captured, steps, reverse)
    return like(carry, outputs[: len(starts)]), like(forms[0], outputs[len(starts) :])


def build_scan(
    body: Graph, carry: Sequence[Tensor], xs: Sequence[Tensor], captured: Sequence[Tensor],
    length: Size, reverse: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """The scan op on flat lists."""
    attrs = {
        "body": body, "carries": len(carry), "scanned": len(xs), "length": length,
        "reverse": reverse,
    }  # fmt: skip
    return build(scan_op, (*carry, *xs, *captured), attrs)


def while_loop(
    condition: Callable[[TensorTree], TensorLike], body: Callable[[TensorTree], TensorTree],
    init: TensorTree,
) -> Tree[Tensor]:  # fmt: skip
    """Run `carry = body(carry)` as long as `condition(carry)` is true.

    The gradient recomputes the carry of each step from the start, so it costs steps**2 / 2 bodies;
    with a known number of steps use `scan`.
    """
    carry = tree_map(as_tensor, init)
    starts = leaves(carry)

    def test(*flat: Tensor) -> list[Tensor]:
        return [_predicate(as_tensor(condition(like(carry, flat))))]

    def step(*flat: Tensor) -> list[Tensor]:
        new = leaves(tree_map(as_tensor, body(like(carry, flat))))
        _same_types("while_loop", starts, new)
        return new

    regions, captured = trace_together([test, step], types_of(starts))
    attrs = {"condition": regions[0], "body": regions[1], "carries": len(starts)}
    return like(carry, build(while_op, (*starts, *captured), attrs))


def cond(
    predicate: TensorLike, then: Callable[..., TensorTree], otherwise: Callable[..., TensorTree],
    *operands: TensorTree,
) -> Tree[Tensor]:  # fmt: skip
    """`then(*operands)` if the scalar predicate is true, else `otherwise(*operands)`.

    Only the chosen branch runs, with all that its function builds; both give results of the same
    form and types.
    """
    test = _predicate(as_tensor(predicate))
    if is_eager() and (value := test.concrete()) is not None:
        return tree_map(as_tensor, (then if value else otherwise)(*operands))
    form = tuple(tree_map(as_tensor, t) for t in operands)
    forms: list[Tree[Tensor]] = []

    def branch(function: Callable[..., TensorTree]) -> Callable[..., list[Tensor]]:
        def run(*flat: Tensor) -> list[Tensor]:
            result = tree_map(as_tensor, function(*cast(tuple[TensorTree, ...], like(form, flat))))
            forms.append(result)
            return leaves(result)

        return run

    inputs = leaves(form)
    branches = [branch(then), branch(otherwise)]
    regions, captured = trace_together(branches, types_of(inputs), hoist=False)
    _same_types("cond", regions[0].outputs, regions[1].outputs)
    attrs = {"then_body": regions[0], "else_body": regions[1]}
    return like(forms[0], build(cond_op, (test, *inputs, *captured), attrs))


def all_reduce(x: TensorLike, kind: str = "sum") -> Tensor:
    """The sum (or "mean", "max", "min") of x over all processes of the group; x itself for one."""
    if kind not in ("sum", "mean", "max", "min"):
        raise ArgumentError("no such reduction", received=kind, expected="sum, mean, max or min")
    return build(all_reduce_op, (as_tensor(x),), {"kind": kind})[0]


def after(x: TensorLike, other: TensorLike) -> Tensor:
    """x; what reads it is computed when `other` is known, and is not what reads x itself."""
    return build(after_op, (as_tensor(x), as_tensor(other)), {})[0]


def label(x: TensorLike, text: str) -> Tensor:
    """x under a name: a tensor of its own, unlike any other; compiled functions know no labels.

    >>> x = leaf.zeros((3,))
    >>> label(x, "zeros") is x, label(x, "zeros") is label(x, "zeros")
    (False, False)
    """
    return build(label_op, (as_tensor(x),), {"text": text, "number": next(_labels)})[0]


def without_labels(outputs: Sequence[Tensor]) -> list[Tensor]:
    """The same tensors with nothing labelled below them."""
    if not any(node.op is label_op for node in topological(outputs)):
        return list(outputs)
    return rewrite(outputs, lambda node, inputs: inputs if node.op is label_op else None)


_labels = itertools.count()

# ---------------------------------------------------------------------------- tracing


def trace(
    function: Callable[..., Sequence[Tensor]], types: Sequence[TensorType]
) -> tuple[Graph, list[Tensor]]:
    """The closed graph of a function, and the outside tensors that are its extra inputs."""
    regions, captured = trace_together([function], types)
    return regions[0], captured


def trace_together(
    functions: Sequence[Callable[..., Sequence[Tensor]]], types: Sequence[TensorType],
    hoist: bool = True,
) -> tuple[list[Graph], list[Tensor]]:  # fmt: skip
    """`trace` of several functions of the same inputs, with one common list of extra inputs.

    Without `hoist`, everything that the functions build stays inside, needed inputs or not.
    """
    with inside_region() as depth:
        inputs = [leaf.parameter(depth, i, t) for i, t in enumerate(types)]
        with nullcontext(set[Node]()) if hoist else recording_nodes() as built:
            outputs = [list(f(*inputs)) for f in functions]
        captured = _captures([t for out in outputs for t in out], inputs, built)
        extra = [leaf.parameter(depth, len(types) + i, t.type) for i, t in enumerate(captured)]
    swap = dict(zip(captured, extra))
    everything = (*inputs, *extra)
    return [graph(everything, substitute(out, swap)) for out in outputs], captured


_CHEAP = (leaf.full_op, leaf.iota_op, leaf.size_of_op)


def _captures(outputs: list[Tensor], inputs: list[Tensor], built: set[Node]) -> list[Tensor]:
    """Where the outside begins: what is used inside, but neither depends on an input nor was built
    inside."""
    inside = depends_on(outputs, inputs) | {n for n in built if "leaf" not in n.op.traits}

    def is_outside(t: Tensor) -> bool:
        return t.node not in inside and not _is_small(t.node)

    used = [t for node in topological(outputs) if node in inside for t in node.inputs]
    return list(dict.fromkeys(t for t in (*used, *outputs) if is_outside(t)))


def _is_small(node: Node) -> bool:
    """Leaves that cost nothing to repeat inside a body."""
    if node.op is leaf.constant_op:
        return node.types[0].shape == ()
    return node.op in _CHEAP


def _predicate(x: Tensor) -> Tensor:
    if x.shape != () or x.dtype is not dtypes.bool_:
        raise DTypeError("a predicate is a bool scalar", received=str(x.type))
    return x


def _length(xs: list[Tensor], length: Size | None) -> Size:
    if any(x.ndim == 0 for x in xs):
        raise ShapeError("scan walks along the first axis", received=[x.shape for x in xs])
    sizes = [x.shape[0] for x in xs] + ([length] if length is not None else [])
    if not sizes:
        raise ArgumentError("scan needs xs or a length")
    if not all(may_equal(s, sizes[0]) for s in sizes):
        raise ShapeError("sequences of a scan differ in length", received=sizes)
    return next((s for s in sizes if isinstance(s, int)), sizes[0])


def _same_types(what: str, first: Sequence[Tensor], second: Sequence[Tensor]) -> None:
    fits = len(first) == len(second) and all(
        a.dtype is b.dtype and a.ndim == b.ndim and all(map(may_equal, a.shape, b.shape))
        for a, b in zip(first, second)
    )
    if not fits:
        raise ShapeError(
            f"the values carried through {what} change their types",
            received=[str(t.type) for t in second],
            expected=[str(t.type) for t in first],
            fix="make both sides agree in number, shape and dtype",
        )
