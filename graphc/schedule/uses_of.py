"""Where a node reads its inputs, given where it is itself read: places passed from output to input.

One function per kind of index map. An input that is not read element by element at axes of the
kernel gets no place; it may then only be computed again if it is cheap, or must be in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from graphc.ir.node import Node, Tensor
from graphc.ops import control, convert, index, movement, pool, random

from . import classify
from .group import Axes, Place, Use

CHOICES = frozenset({movement.concat_op})  # free, but no plain load: kernels of others read a copy
LONGEST = 48  # of a way of index maps: each makes the index larger, a choice makes several of it
_LENGTHS = {movement.reshape_op: 2, movement.pad_op: 2, movement.concat_op: 8}  # others 1

Uses = Iterator[tuple[Tensor, Use]]


def through(node: Node, use: Use) -> Uses:
    """The uses of a free node's inputs."""
    longer = replace(use, long=use.long + _LENGTHS.get(node.op, 1))
    yield from _through(node, longer)


def _through(node: Node, use: Use) -> Uses:
    if not node.inputs:
        return
    x, place = node.inputs[0], use.place
    if node.op is control.after_op:
        yield x, use
        yield node.inputs[1], replace(use, place=None, strict="buffer")  # stored before
    elif node.op is movement.reshape_op:
        yield x, _reshape(node, use)
    elif node.op in (movement.slice_op, movement.flip_op, movement.pad_op, movement.concat_op):
        for t in node.inputs:
            yield t, replace(use, place=None)
    elif place is None:
        for t in node.inputs:
            yield t, use
    elif node.op is convert.broadcast_to_op:
        yield x, replace(use, place=_broadcast(x, place))
    elif node.op is movement.transpose_op:
        order = cast(tuple[int, ...], node.attrs["axes"])
        yield x, replace(use, place=tuple(place[order.index(d)] for d in range(len(order))))
    else:
        yield x, use


def _reshape(node: Node, use: Use) -> Use:
    """Axes of size 1 come and go; any other reshape reads the input from memory, as a view."""
    x, shape = node.inputs[0], node.types[0].shape
    kept = [d for d, s in enumerate(shape) if s != 1]
    own = [d for d, s in enumerate(x.shape) if s != 1]
    if [shape[d] for d in kept] != [x.shape[d] for d in own]:
        return replace(use, place=None, strict="operand" if use.strict == "inline" else use.strict)
    if use.place is None:
        return use
    found = dict(zip(own, (use.place[d] for d in kept)))
    return replace(use, place=tuple(found.get(d) for d in range(x.ndim)))


def _broadcast(x: Tensor, place: Place) -> Place:
    own = place[len(place) - x.ndim :]
    return tuple(None if size == 1 else a for a, size in zip(own, x.shape))


def from_node(node: Node, use: Use, axes: Axes, bound: tuple[int, ...]) -> Uses:
    """The uses of the inputs of a node that was entered into a group at `use.place`."""
    place = use.place
    inside = use.inside | (axes.set(place) if place is not None else frozenset())
    here = replace(use, inside=inside)
    match classify.kind_of(node):
        case "free":
            yield from through(node, here)
        case "reduce":
            yield node.inputs[0], replace(here, place=_with_reduced(node, place, bound))
        case "scatter":
            yield from _scatter(node, here, bound)
        case "window" | "gather":
            yield from _indexed(node, here)
        case "point" if node.op is not random.random_bits_op:
            yield from ((t, here) for t in node.inputs)
        case _:
            yield from ((t, _operand(here)) for t in node.inputs)


def _indexed(node: Node, here: Use) -> Uses:
    """Windows read their input shifted, gathers anywhere; the chosen tap or place is its own."""
    if node.op is index.gather_op:
        yield node.inputs[0], _operand(here)
        yield node.inputs[1], replace(here, place=_index_place(node, here.place))
        return
    for t in node.inputs:
        own = node.op is pool.window_gather_op and t is node.inputs[1]
        yield t, here if own else replace(here, place=None)


def _operand(use: Use) -> Use:
    return replace(use, place=None, strict="operand")


def _with_reduced(node: Node, place: Place | None, bound: tuple[int, ...]) -> Place | None:
    if place is None:
        return None
    over = dict(zip(classify.reduced_axes(node), bound))
    kept = iter(place)
    rank = node.inputs[0].ndim
    return tuple(over[d] if d in over else next(kept) for d in range(rank))


def _index_place(node: Node, place: Place | None) -> Place | None:
    if place is None:
        return None
    axis, batch = cast(int, node.attrs["axis"]), cast(int, node.attrs["batch_dims"])
    inner = node.inputs[1].ndim - batch
    return (*place[:batch], *place[axis : axis + inner])


def _scatter(node: Node, use: Use, bound: tuple[int, ...]) -> Uses:
    """The base is copied by a kernel before; updates are read along the axes of the index."""
    axis, batch = cast(int, node.attrs["axis"]), cast(int, node.attrs["batch_dims"])
    place = use.place
    assert place is not None, "a scatter is stored"
    sizes = node.inputs[1].shape[batch:]
    over = tuple(None if s == 1 else a for a, s in zip(bound, sizes))
    yield node.inputs[0], _operand(use)
    yield node.inputs[1], replace(use, place=(*place[:batch], *over))
    yield node.inputs[2], replace(use, place=(*place[:axis], *over, *place[axis + 1 :]))
