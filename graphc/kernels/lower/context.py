"""What a lowering rule works with: the value of a tensor at an index, as a kernel expression.

A rule is `rule(context, node, index) -> Expr`: the element of the node's output at an index. It
asks `context.value(tensor, index)` for elements of inputs; whether that becomes a load or the
input's own expression was decided by fusion, so rules never see buffers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graphc.dtypes import Number
from graphc.ir.dim import Shape, Size
from graphc.ir.node import Node, Op, Tensor
from graphc.kernels import build, index
from graphc.kernels.kernel import Affine, Axis, Buffer, Expr, Index

At = tuple[Index, ...]
Rule = Callable[["Context", Node, At], Expr]

LOWER: dict[Op, Rule] = {}


def lower(op: Op, rule: Rule) -> None:
    """Enter the rule of an op into the table."""
    assert op not in LOWER, f"one lowering rule for {op.name}"
    LOWER[op] = rule


class Context:
    """The axes of one kernel and the buffers of tensors; those it computes are not read."""

    def __init__(
        self,
        buffers: Mapping[Tensor, Buffer],
        axes: Mapping[str, Size],
        bound: Mapping[Node, tuple[str, ...]] | None = None,
        computed: frozenset[Tensor] = frozenset(),
    ) -> None:
        self.buffers, self.computed = buffers, computed
        self.ranges: dict[str, Size] = dict(axes)
        self.bound = bound or {}
        self.views: dict[tuple[str, Shape], Buffer] = {}
        self._memo: dict[tuple[Tensor, At], Expr] = {}

    def value(self, tensor: Tensor, at: At, fill: Number = 0) -> Expr:
        """The element of a tensor; `fill` stands outside of it where a load has to be checked."""
        if self.is_stored(tensor):
            return self.load(self.buffers[tensor], at, fill)
        key = (tensor, at)
        if key not in self._memo:
            self._memo[key] = LOWER[tensor.node.op](self, tensor.node, at)
        return self._memo[key]

    def is_stored(self, tensor: Tensor) -> bool:
        """Whether the tensor is read from a buffer, not computed here."""
        return tensor in self.buffers and tensor not in self.computed

    def load(self, buffer: Buffer, at: At, fill: Number = 0, exact: tuple[int, ...] = ()) -> Expr:
        """An element of a buffer, checked in every dimension that the index may leave."""
        checked = [
            d
            for d, (i, size) in enumerate(zip(at, buffer.shape, strict=True))
            if d in exact or not index.is_inside(i, size, self.ranges)
        ]
        return build.load(buffer, *at, checked=checked, exact=exact, fill=fill)

    def view(self, buffer: Buffer, shape: Shape) -> Buffer:
        """The same memory under another shape; a view has its own name in the kernel."""
        if buffer.shape == shape:
            return buffer
        key = (buffer.name, shape)
        if key not in self.views:
            self.views[key] = Buffer(f"{buffer.name}.v{len(self.views)}", buffer.dtype, shape)
        return self.views[key]

    def base_of(self, name: str) -> str:
        """The buffer that a name stands for: itself, or what it is a view of."""
        return next((k[0] for k, v in self.views.items() if v.name == name), name)

    def axes_for(self, node: Node, sizes: Shape, taken: At) -> tuple[str, ...]:
        """Axes to reduce over: those that fusion chose, if the index leaves them free, else new."""
        chosen = self.bound.get(node)
        used = frozenset().union(*map(build.axes_of, taken))
        if chosen is not None and not used & set(chosen):
            return chosen
        return tuple(self.new_axis(size) for size in sizes)

    def new_axis(self, size: Size) -> str:
        """Another axis of the kernel."""
        name = f"r{len(self.ranges)}"
        self.ranges[name] = size
        return name

    def axis_list(self, names: list[str]) -> tuple[Axis, ...]:
        """The axes of these names."""
        return tuple(Axis(n, self.ranges[n]) for n in names)


def axis_index(name: str) -> Affine:
    """The index that is an axis."""
    return Affine(((name, 1),))
