"""What a node is to the scheduler: free to move, pointwise, a reduction, a contraction, ...

leaf      given memory: inputs, variables, constant arrays
free      no arithmetic: index maps, uniform tensors; done again by every reader
point     one value per element of the output, from elements at the same index
reduce    removes axes                    window   reduces small windows
contract  a sum of products               gather   reads at computed places
scatter   writes at computed places       opaque   a step of its own (sort, scan, ...)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, cast

from graphc.ir.dim import Size, product
from graphc.ir.node import Node, Op, Tensor
from graphc.ops import (
    control,
    conv,
    convert,
    elementwise,
    index,
    leaf,
    matmul,
    movement,
    pool,
    random,
    reduce,
)

Kind = Literal[
    "leaf", "free", "point", "reduce", "window", "contract", "gather", "scatter", "opaque"
]

UNKNOWN = 256  # what an unknown size counts for when amounts of work are compared
SMALL = 8  # how many times smaller than the work that reads it a value is worth a kernel
ROW = 16384  # elements of a row that one work item may reduce and read again

_SAME = (
    elementwise.stop_gradient_op, control.all_reduce_op, control.after_op, control.label_op,
)  # fmt: skip
# fmt: off
_KINDS: dict[Op, Kind] = {
    **dict.fromkeys((leaf.full_op, leaf.iota_op, leaf.size_of_op), "free"),
    **dict.fromkeys(movement.OPS, "free"),
    **dict.fromkeys(_SAME, "free"),
    **dict.fromkeys(elementwise.DOMAINS, "point"),
    **dict.fromkeys((convert.cast_op, random.random_bits_op), "point"),
    **dict.fromkeys((reduce.sum_op, reduce.prod_op, reduce.max_op, reduce.min_op), "reduce"),
    **dict.fromkeys((reduce.argmax_op, reduce.argmin_op), "reduce"),
    **dict.fromkeys(pool.OPS, "window"),
    **dict.fromkeys((matmul.dot_general_op, conv.conv_op), "contract"),
    index.gather_op: "gather",
    **dict.fromkeys((index.scatter_add_op, index.scatter_set_op), "scatter"),
}
CHEAP = frozenset({  # elementwise ops that cost no more than reading a value again
    elementwise.add, elementwise.sub, elementwise.mul, elementwise.neg, elementwise.abs,
    elementwise.maximum, elementwise.minimum, elementwise.where, elementwise.equal,
    elementwise.not_equal, elementwise.less, elementwise.less_equal, elementwise.logical_and,
    elementwise.logical_or, elementwise.logical_not, elementwise.fma, elementwise.sign,
    convert.cast_op,
})
# fmt: on


def kind_of(node: Node) -> Kind:
    """The kind of a node."""
    if node.op is leaf.constant_op:
        return "free" if node.types[0].shape == () else "leaf"
    if "leaf" in node.op.traits:
        return "leaf"
    return _KINDS.get(node.op, "opaque")


def widens(node: Node) -> bool:
    """Whether a node makes numbers wider: what it reads has fewer bytes than its result."""
    is_cast = node.op is convert.cast_op
    return is_cast and node.inputs[0].dtype.itemsize < node.types[0].dtype.itemsize


def elements(sizes: Iterable[Size]) -> int:
    """The number of elements of a shape, unknown sizes counted as `UNKNOWN`."""
    total = 1
    for size in sizes:
        total *= size if isinstance(size, int) else UNKNOWN
    return total


def reduced_sizes(node: Node) -> tuple[Size, ...]:
    """The sizes of the axes that a reduction or contraction removes."""
    match kind_of(node):
        case "reduce":
            x = node.inputs[0]
            return tuple(x.shape[a] for a in reduced_axes(node))
        case "contract" if node.op is matmul.dot_general_op:
            pair = cast(tuple[tuple[int, ...], tuple[int, ...]], node.attrs["contract"])
            return tuple(node.inputs[0].shape[a] for a in pair[0])
        case "contract":
            return node.inputs[1].shape[:-1]
        case _:
            return ()


def bound_sizes(node: Node) -> tuple[Size, ...]:
    """The sizes of the axes that a node walks beside those of its output."""
    if kind_of(node) == "scatter":
        return node.inputs[1].shape[cast(int, node.attrs["batch_dims"]) :]
    return reduced_sizes(node)


def reduced_axes(node: Node) -> tuple[int, ...]:
    """The axes that a reduction removes."""
    if "axis" in node.attrs:
        return (cast(int, node.attrs["axis"]),)
    return cast(tuple[int, ...], node.attrs["axes"])


def is_row_sized(sizes: Iterable[Size]) -> bool:
    """Whether reducing these axes is work for one item: known and not too many elements."""
    total = product(sizes)
    return isinstance(total, int) and total <= ROW


class Facts:
    """What is known of nodes before groups are formed, worked out from inputs to outputs."""

    def __init__(self, nodes: Iterable[Node], uses: Mapping[Tensor, list[Node]]) -> None:
        self.from_row: set[Node] = set()
        self.from_contraction: dict[Node, Node] = {}  # what ends a contraction -> the contraction
        for node in nodes:
            kind = kind_of(node)
            if kind == "reduce" and is_row_sized(reduced_sizes(node)):
                self.from_row.add(node)
            if kind in ("point", "free") and any(t.node in self.from_row for t in node.inputs):
                self.from_row.add(node)
            if kind == "contract" and isinstance(product(reduced_sizes(node)), int):
                self.from_contraction[node] = node
            for t in node.inputs if kind == "point" else ():
                if self._continues(t, node, uses):
                    self.from_contraction[node] = self.from_contraction[t.node]

    def _continues(self, t: Tensor, node: Node, uses: Mapping[Tensor, list[Node]]) -> bool:
        """Whether a contraction can end in this node: it is the only reader, element by element."""
        same = t.shape == node.types[0].shape
        return t.node in self.from_contraction and same and len(uses.get(t, ())) == 1
