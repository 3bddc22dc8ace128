"""An expression of one row of a sequence, computed for all rows at once; used by hoisting.

Each rule answers a node's output with the rows as its first axis, or None where it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from graphc.ir.dim import Shape, Size
from graphc.ir.graph import topological
from graphc.ir.node import AttrValue, Node, Op, Tensor, apply
from graphc.ops import control, conv, convert, elementwise, index, matmul, movement, reduce
from graphc.ops.convert import broadcast_to


class Row(NamedTuple):
    """A node of one row, its inputs outside, and which of them have the rows as first axis."""

    node: Node
    inputs: Sequence[Tensor]
    flags: Sequence[bool]
    length: Size

    def pairs(self) -> Iterator[tuple[Tensor, bool]]:
        """Inputs with their flags."""
        return zip(self.inputs, self.flags)


def batched(
    roots: Sequence[Tensor], rows: Mapping[Tensor, Tensor], fixed: Mapping[Tensor, Tensor],
    length: Size,
) -> dict[Tensor, Tensor]:  # fmt: skip
    """The roots over whole sequences; those that cannot be are left out.

    `rows` maps a tensor of one row to the sequence, `fixed` one that is the same for all rows.
    """
    values: dict[Tensor, Tensor] = {**rows, **fixed}
    has_rows = set(rows)
    for node in topological(roots):
        if node.output() in values or any(t not in values for t in node.inputs):
            continue
        inputs = [values[t] for t in node.inputs]
        flags = [t in has_rows for t in node.inputs]
        if not any(flags):
            made = apply(node.op, tuple(inputs), node.attrs, node.source)
            values.update(zip(node.outputs, made.outputs))
            continue
        rule = _RULES.get(node.op)
        result = rule(Row(node, inputs, flags, length)) if rule is not None else None
        if result is not None:
            values[node.output()] = result
            has_rows.add(node.output())
    return {t: values[t] for t in roots if t in has_rows and t in values}


def can_be_batched(op: Op) -> bool:
    """Whether there is a rule for an op at all."""
    return op in _RULES


# ---------------------------------------------------------------------------- rules


def _pointwise(row: Row) -> Tensor:
    shape = (row.length, *row.node.types[0].shape)
    return _same_op(row, *(t if f else broadcast_to(t, shape) for t, f in row.pairs()))


def _dot_general(row: Row) -> Tensor:
    a, b = row.inputs
    contract, batch = _pairs(row.node)
    inner = (_shifted(contract[0], row.flags[0]), _shifted(contract[1], row.flags[1]))
    outer = (_shifted(batch[0], row.flags[0]), _shifted(batch[1], row.flags[1]))
    if all(row.flags):
        return matmul.dot_general(a, b, inner, ((0, *outer[0]), (0, *outer[1])))
    place = len(batch[0])
    if row.flags[1]:
        place += len(matmul.free_shape(a, contract[0] + batch[0]))
    return movement.moveaxis(matmul.dot_general(a, b, inner, outer), place, 0)


def _conv(row: Row) -> Tensor | None:
    x, w = row.inputs
    if row.flags[1] or row.node.attrs["batch_groups"] != 1:
        return None
    flat = movement.reshape(x, (row.length * x.shape[1], *x.shape[2:]))
    return movement.reshape(_same_op(row, flat, w), (row.length, *row.node.types[0].shape))


def _gather(row: Row) -> Tensor | None:
    if row.flags[0] or row.node.attrs["axis"] != 0 or row.node.attrs["batch_dims"] != 0:
        return None
    return _same_op(row, *row.inputs)


def _reshape(row: Row) -> Tensor:
    return movement.reshape(row.inputs[0], (row.length, *row.node.types[0].shape))


def _broadcast(row: Row) -> Tensor:
    x, shape = row.inputs[0], row.node.types[0].shape
    ones = (1,) * (len(shape) - (x.ndim - 1))
    wide = movement.reshape(x, (row.length, *ones, *x.shape[1:]))
    return broadcast_to(wide, (row.length, *shape))


def _transpose(row: Row) -> Tensor:
    return movement.transpose(row.inputs[0], (0, *_shifted(_axes(row.node), True)))


def _over_axes(row: Row) -> Tensor:
    return _same_op(row, *row.inputs, axes=_shifted(_axes(row.node), True))


def _slice(row: Row) -> Tensor:
    start, stop, step = (_sizes(row.node, name) for name in ("start", "stop", "step"))
    bounds = {"start": (0, *start), "stop": (row.length, *stop), "step": (1, *step)}
    return _same_op(row, *row.inputs, **bounds)


def _concat(row: Row) -> Tensor:
    axis, length = row.node.attrs["axis"], row.length
    assert isinstance(axis, int), "an axis is a number"
    wide = (t if f else broadcast_to(t, (length, *t.shape)) for t, f in row.pairs())
    return _same_op(row, *wide, axis=axis + 1)


def _same_op(row: Row, *inputs: Tensor, **changed: AttrValue) -> Tensor:
    attrs = {**row.node.attrs, **changed}
    return apply(row.node.op, inputs, attrs, row.node.source).output()


def _pairs(node: Node) -> tuple[matmul.AxisPair, matmul.AxisPair]:
    return node.attrs["contract"], node.attrs["batch"]  # pyright: ignore[reportReturnType]


def _axes(node: Node) -> tuple[int, ...]:
    return node.attrs["axes"]  # pyright: ignore[reportReturnType]


def _sizes(node: Node, name: str) -> Shape:
    return node.attrs[name]  # pyright: ignore[reportReturnType]


def _shifted(axes: Sequence[int], shift: bool) -> tuple[int, ...]:
    return tuple(a + shift for a in axes)


_RULES: dict[Op, Callable[[Row], Tensor | None]] = {
    **{op: _pointwise for op in elementwise.OPS if "elementwise" in op.traits},
    convert.cast_op: _pointwise,
    elementwise.stop_gradient_op: _pointwise,
    control.label_op: _pointwise,
    convert.broadcast_to_op: _broadcast,
    matmul.dot_general_op: _dot_general,
    conv.conv_op: _conv,
    index.gather_op: _gather,
    movement.reshape_op: _reshape,
    movement.transpose_op: _transpose,
    movement.slice_op: _slice,
    movement.concat_op: _concat,
    movement.flip_op: _over_axes,
    **dict.fromkeys((reduce.sum_op, reduce.prod_op, reduce.max_op, reduce.min_op), _over_axes),
}
