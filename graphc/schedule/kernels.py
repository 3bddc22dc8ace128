"""From a group to its kernel: axes by name, a buffer per tensor in memory, a store per result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from graphc.dtypes import int64 as _INT64
from graphc.ir.dim import Size
from graphc.ir.literal import Literal
from graphc.ir.node import Node, Tensor
from graphc.kernels import build, index
from graphc.kernels.kernel import Affine, Axis, Buffer, Expr, Index, Kernel, Reduce, Store
from graphc.kernels.laws import verify
from graphc.kernels.lower.context import Context, axis_index
from graphc.kernels.lower.index import wrapped
from graphc.kernels.walk import expressions_of
from graphc.ops import conv, leaf
from graphc.ops import index as index_ops

from .group import Axes, Group
from .slices import Slice


class Writer:
    """Builds the kernels of one schedule; `stored` are the buffers of all tensors in memory."""

    def __init__(self, axes: Axes, stored: Mapping[Tensor, Buffer]) -> None:
        self.axes, self.stored = axes, stored

    def kernels(
        self, group: Group, targets: Mapping[Tensor, Buffer], slices: Mapping[Tensor, Slice]
    ) -> list[tuple[Kernel, Context]]:
        """The kernels of a group; `targets` are the buffers that it writes, or slices of them."""
        names = self._names(group)
        if group.kind == "scatter":
            return self._scatter(group, names, targets)
        context = self._context(group, names, targets)
        at = self._split_filters(group, names, context)
        stores = []
        for t, place in group.stores.items():
            where = tuple(at[a] if a is not None else index.ZERO for a in self.axes.at(place))
            value = context.value(t, where)
            if part := slices.get(t):
                moved = index.plus(where[part.axis], part.start)
                where = (*where[: part.axis], moved, *where[part.axis + 1 :])
            stores.append(build.store(targets[t], where, value))
        return [(finished(group_name(group), stores, context), context)]

    def _context(
        self, group: Group, names: dict[int, str], targets: Mapping[Tensor, Buffer]
    ) -> Context:
        computed = frozenset(t for t in targets if t.node in group.nodes)
        sizes = {names[a]: self.axes.size[a] for a in names}
        bound = {
            node: tuple(names[self.axes.find(a)] for a in axes)
            for node, axes in group.bound.items()
        }
        return Context(self.stored, sizes, bound, computed)

    def _names(self, group: Group) -> dict[int, str]:
        """Axis names: i0, i1, ... in the order in which stores and reductions use them."""
        found: dict[int, None] = {}
        places = sorted(group.stores.values(), key=len, reverse=True)
        for place in places:
            found |= dict.fromkeys(a for a in self.axes.at(place) if a is not None)
        for axes in group.bound.values():
            found |= dict.fromkeys(map(self.axes.find, axes))
        return {a: f"i{n}" for n, a in enumerate(found)}

    def _split_filters(
        self, group: Group, names: dict[int, str], context: Context
    ) -> dict[int, Index]:
        """The index of each axis; the filters of a grouped convolution are (group, filter)."""
        at: dict[int, Index] = {a: axis_index(n) for a, n in names.items()}
        node = group.contraction
        if node is None or node.op is not conv.conv_op:
            return at
        groups = cast(int, node.attrs["groups"]) * cast(int, node.attrs["batch_groups"])
        last = self.axes.at(group.contracted)[-1]
        filters = node.types[0].shape[-1]
        if groups == 1 or last is None or filters == groups or not isinstance(filters, int):
            return at
        each = filters // groups
        outer, inner = f"{names[last]}g", names[last]
        context.ranges |= {outer: groups, inner: each}
        at[last] = Affine(((outer, each), (inner, 1)))
        return at

    # ------------------------------------------------------------------ scatters

    def _scatter(
        self, group: Group, names: dict[int, str], targets: Mapping[Tensor, Buffer]
    ) -> list[tuple[Kernel, Context]]:
        """Copy the base unless it is the identity, then write the updates in order."""
        ((t, place),) = group.stores.items()
        node, target = t.node, targets[t]
        base, places, updates = node.inputs
        adds = node.op is index_ops.scatter_add_op
        kernels = []
        empty = adds and base.node.op is leaf.full_op and base.node.attrs["value"] == 0
        at = [axis_index(names[a]) if a is not None else index.ZERO for a in self.axes.at(place)]
        if not empty:
            context = self._context(group, names, targets)
            copy = build.store(target, at, context.value(base, tuple(at)))
            kernels.append((finished(f"{group_name(group)}_base", [copy], context), context))
        context = self._context(group, names, targets)
        axis, batch = cast(int, node.attrs["axis"]), cast(int, node.attrs["batch_dims"])
        inner = tuple(
            axis_index(names[self.axes.find(a)]) if s != 1 else index.ZERO
            for a, s in zip(group.bound.get(node, ()), places.shape[batch:])
        )
        where = wrapped(context.value(places, (*at[:batch], *inner)), t.shape[axis])
        value = context.value(updates, (*at[:axis], *inner, *at[axis + 1 :]))
        walked = [i for i in (*at[:axis], *inner, *at[axis + 1 :]) if isinstance(i, Affine)]
        axes = tuple(n for i in walked for n, _ in i.terms)
        combine = "sum" if adds else "set"
        keep = not empty
        spot = (*at[:axis], where, *at[axis + 1 :])
        write = Store(target, spot, value, axes, combine, keep)
        kernels.append((finished(group_name(group), [write], context), context))
        return kernels


def finished(name: str, stores: list[Store], context: Context) -> Kernel:
    """The kernel with the axes that are really used, in the order of the context."""
    draft = Kernel(name, (), tuple(stores))
    used: dict[str, None] = {}
    for s in stores:
        used |= dict.fromkeys(s.axes)
    for e in expressions_of(draft):
        used |= dict.fromkeys(e.free)
        if isinstance(e, Reduce):
            used |= dict.fromkeys(e.axes)
    axes = tuple(Axis(n, size) for n, size in context.ranges.items() if n in used)
    return verify(Kernel(name, axes, tuple(stores)))


def check_kernel(node: Node, writer: Writer, flag: Buffer) -> tuple[Kernel, Context] | None:
    """A kernel that sets `flag` to 1 if an index of a gather or scatter is out of its axis."""
    x, places = node.inputs[:2]
    size = x.shape[cast(int, node.attrs["axis"])]
    if index_is_safe(places, size):
        return None
    sizes = {f"i{d}": s for d, s in enumerate(places.shape)}
    context = Context(writer.stored, sizes)
    at = tuple(axis_index(n) for n in sizes)
    place = context.value(places, at)
    bad = out_of_range(place, size)
    result = build.reduce("max", bad, tuple(sizes)) if sizes else bad
    found = build.op("cast", result, dtype=flag.dtype)
    name = f"check_{safe_name(node.label)}"
    return finished(name, [build.store(flag, (), found, ())], context), context


def out_of_range(place: Expr, size: Size) -> Expr:
    """Whether an index, counted from either end, is outside of the axis."""
    wide = build.op("cast", place, dtype=_INT64)
    lowest = build.op("neg", build.size_of(size))
    below = build.op("less", wide, lowest)
    above = build.op("less_equal", build.size_of(size), wide)
    return build.op("logical_or", below, above)


def index_is_safe(places: Tensor, size: Size) -> bool:
    """Whether an index is known to be inside: it comes from an argmax or a sort of such an axis."""
    node = places.node
    if node.op.name in ("argmax", "argmin", "sort"):
        return node.inputs[0].shape[cast(int, node.attrs["axis"])] == size
    literal = node.attrs.get("value")
    if not isinstance(literal, Literal) or not isinstance(size, int):
        return False
    array = literal.array
    return bool(array.size == 0 or (array.min() >= -size and array.max() < size))


def safe_name(text: str) -> str:
    """A name for generated code, from any text."""
    return re.sub(r"\W", "_", text, flags=re.ASCII)[:40] or "_"


def group_name(group: Group) -> str:
    """A kernel name that tells what the group is about."""
    main = group.contraction or next(iter(group.nodes), None)
    return safe_name(main.label if main is not None else f"copy_{group.serial}")
