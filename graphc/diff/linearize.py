"""Bodies of control ops as linear maps: what they do to cotangents or tangents, and what of the
body's own values that needs. The rules that use it are in control.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from graphc.ir.graph import Graph, depends_on, inline, substitute, topological
from graphc.ir.mode import evaluating_with, inside_region
from graphc.ir.node import Node, Tensor, TensorType
from graphc.ops import convert, leaf, movement

from .rules import Flow, zeros_like
from .walk import active_nodes, pull_back, push_forward

Flags = Sequence[bool]


@dataclass(frozen=True, slots=True)
class Linear:
    """A body on parameters of its own, and what it makes of symbols for cotangents or tangents.

    `symbols` has one per output (pulled back) or input (pushed forward) that carries something,
    under its number; `moved` is the result for each of `targets`, the other side, None for zero.
    """

    inputs: list[Tensor]
    outputs: list[Tensor]
    symbols: dict[int, Tensor]
    targets: list[Tensor]
    moved: list[Tensor | None]

    def numbers(self, start: int = 0, stop: int | None = None) -> list[int]:
        """The targets in a range that something reaches."""
        return [i for i in range(len(self.moved))[start:stop] if self.moved[i] is not None]

    def placed(self, which: Sequence[int], swap: Mapping[Tensor, Tensor]) -> list[Tensor]:
        """The results with these numbers, zeros for None, with tensors replaced by others."""
        found = [(self.moved[i], self.targets[i]) for i in which]
        return substitute([zeros_like(like) if t is None else t for t, like in found], swap)


def filled(flow: Flow, like: Sequence[Tensor], which: Iterable[int]) -> list[Tensor]:
    """The entries with these numbers, zeros where there is none."""
    return [zeros_like(like[i]) if (t := flow[i]) is None else t for i in which]


def flags(flow: Flow) -> list[bool]:
    """Which entries are not zero."""
    return [t is not None for t in flow]


def spread_out(values: Sequence[Tensor], which: Iterable[int], count: int) -> list[Tensor | None]:
    """A list of this length with the values under these numbers, None elsewhere."""
    result: list[Tensor | None] = [None] * count
    for i, value in zip(which, values, strict=True):
        result[i] = value
    return result


@contextmanager
def tracing() -> Iterator[int]:
    """Build regions inside: nothing is computed, the depth names their parameters."""
    with evaluating_with(None), inside_region() as depth:
        yield depth


def parameters(depth: int, types: Sequence[TensorType], start: int = 0) -> list[Tensor]:
    """Parameters of a region, numbered from `start`."""
    return [leaf.parameter(depth, start + i, kind) for i, kind in enumerate(types)]


def pull_body(depth: int, body: Graph, wanted: Flags, reached: Flags, carries: int = 0) -> Linear:
    """The cotangents of a body's inputs as functions of those of its outputs.

    Output i becomes input i of the next step for the first `carries`. So a carry needs a cotangent
    as soon as it depends on an input that does, and gives one as soon as it receives one.
    """
    inputs = parameters(depth, [t.type for t in body.inputs])
    outputs = inline(body, inputs)
    order = topological(outputs)
    need = [w and t.dtype.is_float for w, t in zip(wanted, inputs, strict=True)]
    while True:
        active = active_nodes(order, [t for t, n in zip(inputs, need) if n])
        smooth = [t.dtype.is_float and t.node in active for t in outputs]
        more = [n or (i < carries and smooth[i]) for i, n in enumerate(need)]
        if more == need:
            break
        need = more
    flows = [r and s for r, s in zip(reached, smooth, strict=True)]
    places = [i for i, n in enumerate(need) if n]
    while True:
        symbols = {j: leaf.parameter(depth, len(inputs) + j, t.type)
                   for j, t in enumerate(outputs) if flows[j]}  # fmt: skip
        pulled = pull_back([outputs[j] for j in symbols], [inputs[i] for i in places],
                           list(symbols.values()))  # fmt: skip
        moved: list[Tensor | None] = [None] * len(inputs)
        for i, ct in zip(places, pulled):
            moved[i] = ct
        more = [f or (j < carries and moved[j] is not None) for j, f in enumerate(flows)]
        if more == flows:
            return Linear(inputs, outputs, symbols, inputs, moved)
        flows = more


def push_body(depth: int, body: Graph, moving: Flags, carries: int = 0) -> Linear:
    """The tangents of a body's outputs as functions of those of its inputs."""
    inputs = parameters(depth, [t.type for t in body.inputs])
    outputs = inline(body, inputs)
    flows = list(moving)
    while True:
        symbols = {i: leaf.parameter(depth, len(inputs) + i, t.type)
                   for i, t in enumerate(inputs) if flows[i]}  # fmt: skip
        moved = push_forward(outputs, [inputs[i] for i in symbols], list(symbols.values()))
        more = [f or (i < carries and moved[i] is not None) for i, f in enumerate(flows)]
        if more == flows:
            return Linear(inputs, outputs, symbols, outputs, moved)
        flows = more


# ---------------------------------------------------------------------------- what is kept

_MOVES = {movement.reshape_op, movement.transpose_op, movement.flip_op, movement.pad_op}
_MOVES |= {convert.broadcast_to_op}


def needed_values(linear: Linear, varying: Sequence[Tensor]) -> list[Tensor]:
    """The values of the body that its linear map reads: inputs, and what must be kept per step.

    `varying` are the inputs that differ from step to step. Only values of the body itself are
    kept, what rules made of them is made again. So are elementwise functions of values that are
    kept anyway, and ops that only move the elements of one value, of which that value is kept.
    """
    own = set(topological((*linear.inputs, *linear.outputs)))
    moving = depends_on(linear.outputs, varying)
    symbols = set(linear.symbols.values())
    ends = symbols.union(linear.inputs)
    again: set[Node] = set()
    while True:
        kept = _boundary(linear.moved, ends, (own & moving) - again)
        fresh = {t.node for t in kept if t not in ends and _is_cheap(t.node, kept, moving)}
        if not fresh:
            return [t for t in kept if t not in symbols]
        again |= fresh


def _boundary(roots: Flow, ends: set[Tensor], nodes: set[Node]) -> dict[Tensor, None]:
    """The first tensors under the roots that are ends or of these nodes, in a fixed order."""
    found: dict[Tensor, None] = {}
    seen: set[Tensor] = set()
    stack = [t for t in reversed(roots) if t is not None]
    while stack:
        t = stack.pop()
        if t in seen:
            continue
        seen.add(t)
        if t in ends or t.node in nodes:
            found[t] = None
        else:
            stack.extend(reversed(t.node.inputs))
    return found


def _is_cheap(node: Node, kept: Mapping[Tensor, None], moving: set[Node]) -> bool:
    if node.op in _MOVES:
        return True
    sources = [t for t in node.inputs if t.node in moving]
    return "elementwise" in node.op.traits and all(t in kept for t in sources)
