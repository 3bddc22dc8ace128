"""Work that need not be done in a loop is done once, before it."""

from __future__ import annotations

from graphc.ir.graph import Graph, depends_on, rewrite
from graphc.ir.node import Node, Tensor, TensorType
from graphc.ops import convert, leaf, matmul, movement
from graphc.ops.control import build_scan
from graphc.ops.leaf import parameter

from .batching import batched
from .options import Options
from .regions import count, each_scan, is_recurrent, region, reordered

# Not worth a value kept in memory: doing it again costs nothing.
_FREE = (*movement.OPS, leaf.full_op, leaf.iota_op, leaf.size_of_op, convert.cast_op)


def hoist_invariants(given: Graph, options: Options) -> Graph:
    """What is the same in each step of a scan, and products of single rows of its sequences.

    scan(h = tanh(x @ w + h @ u))    ->  p = xs @ w, then scan(h = tanh(p + h @ u))
    scan(h = h * exp(a))             ->  b = exp(a), then scan(h = h * b)
    """
    return each_scan(given, lambda node, inputs: _Scan(node, inputs).rebuilt())


class _Scan:
    """A scan taken apart: what its parameters are, and what stands outside for each."""

    def __init__(self, node: Node, inputs: tuple[Tensor, ...]) -> None:
        self.node, self.body = node, region(node, "body")
        carries, scanned = count(node, "carries"), count(node, "scanned")
        parts = slice(0, carries), slice(carries, carries + scanned), slice(carries + scanned, None)
        self.carry, self.xs, self.captured = (list(self.body.inputs[p]) for p in parts)
        self.outside = dict(zip(self.body.inputs, inputs))

    def rebuilt(self) -> tuple[Tensor, ...] | None:
        """The outputs of the scan without what is hoisted, or None if nothing is."""
        changing = depends_on(self.body.outputs, [*self.carry, *self.xs])
        carried = depends_on(self.body.outputs, self.carry)
        fixed = self._fixed(changing)
        rows = self._rows(changing, carried)
        if not fixed and not rows:
            return None
        inner = {t: self._stand_in(i, t) for i, t in enumerate((*rows, *fixed))}
        outputs = rewrite(self.body.outputs, lambda node, new: None, inner)
        xs = [*self.xs, *(inner[t] for t in rows)]
        captured = [*self.captured, *(inner[t] for t in fixed)]
        self.outside.update((inner[t], value) for t, value in {**rows, **fixed}.items())
        return build_scan(
            reordered(self.body, [*self.carry, *xs, *captured], outputs),
            [self.outside[t] for t in self.carry],
            [self.outside[t] for t in xs],
            [self.outside[t] for t in captured],
            self.node.attrs["length"],  # pyright: ignore[reportArgumentType]
            bool(self.node.attrs["reverse"]),
        )

    def _fixed(self, changing: set[Node]) -> dict[Tensor, Tensor]:
        """Tensors of the body that are the same in each step and cost something."""
        roots = [
            t
            for t in _borders(self.body, changing)
            if t.node not in changing and "leaf" not in t.node.op.traits and _costs(t)
        ]
        return dict(zip(roots, self._at_outside(roots)))

    def _at_outside(self, roots: list[Tensor]) -> list[Tensor]:
        return rewrite(roots, lambda node, new: None, self.outside)

    def _rows(self, changing: set[Node], carried: set[Node]) -> dict[Tensor, Tensor]:
        """Products of rows of the sequences, in which no carry is."""
        if not is_recurrent(self.body, self.carry):
            return {}
        late: dict[Node, None] = {}
        for node in self.body.nodes:
            if node not in changing or node in carried:
                continue
            # Elementwise work on a product is done with the product, where it costs nothing.
            after = "elementwise" in node.op.traits and any(t.node in late for t in node.inputs)
            if node.op is matmul.dot_general_op or after:
                late[node] = None
        roots = [node.output() for node in late]
        length = self.node.attrs["length"]
        same = {t: self.outside[t] for t in self.captured}
        sequences = {t: self.outside[t] for t in self.xs}
        return batched(roots, sequences, same, length)  # pyright: ignore[reportArgumentType]

    def _stand_in(self, number: int, t: Tensor) -> Tensor:
        """A parameter for a hoisted tensor, numbered after those of the body."""
        depth = next((count(p.node, "depth") for p in self.body.inputs), 0)
        return parameter(depth, len(self.body.inputs) + number, TensorType(t.shape, t.dtype))


def _borders(body: Graph, changing: set[Node]) -> list[Tensor]:
    """What changing nodes, or the outputs of the body, take from nodes that do not change."""
    taken = [t for node in body.nodes if node in changing for t in node.inputs]
    return list(dict.fromkeys(t for t in (*taken, *body.outputs) if t.node not in changing))


def _costs(t: Tensor) -> bool:
    """Whether anything but moving elements is done for a tensor."""
    while t.node.op in _FREE and t.node.inputs:
        t = t.node.inputs[0]
    return t.node.op not in _FREE and "leaf" not in t.node.op.traits
