"""Derivatives of branches, calls and all_reduce, and the table of all control ops.

The bodies are differentiated and put into a control op again; loops are in loops.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.errors import DifferentiationError
from graphc.ir.graph import Graph, graph, topological
from graphc.ir.mode import build
from graphc.ir.node import AttrValue, Tensor
from graphc.ops import control as op
from graphc.ops import convert, elementwise

from .linearize import Linear, filled, flags, parameters, pull_body, push_body, spread_out, tracing
from .loops import scan_jvp, scan_vjp, while_jvp, while_vjp
from .rules import Flow, jvp, linear, vjp, vjp_together

Tensors = Sequence[Tensor]
Flags = Sequence[bool]


def cond_vjp(
    cts: Flow, ys: Tensors, inputs: Tensors, wanted: Flags, *, then_body: Graph, else_body: Graph
) -> Flow:
    """The branch that ran pulls back, from the same inputs; the other has no part in it."""
    with tracing() as depth:
        sides = [pull_body(depth, b, wanted[1:], flags(cts)) for b in (then_body, else_body)]
        joined = _joined(depth, sides)
    return [None, *_branch(joined, inputs[0], inputs[1:], cts, ys)]


def cond_jvp(tangents: Flow, *inputs: Tensor, then_body: Graph, else_body: Graph) -> Flow:
    """The branch that runs carries its tangents."""
    with tracing() as depth:
        sides = [push_body(depth, b, flags(tangents[1:])) for b in (then_body, else_body)]
        joined = _joined(depth, sides)
    return _branch(joined, inputs[0], inputs[1:], tangents[1:], inputs[1:])


def call_vjp(
    cts: Flow, ys: Tensors, inputs: Tensors, wanted: Flags, *, body: Graph, backward: Graph | None
) -> Flow:
    """A call of the backward region, (inputs*, outputs*, cts*) -> ct*, or of the body's own vjp."""
    if backward is None:
        with tracing() as depth:
            joined = _joined(depth, [pull_body(depth, body, wanted, flags(cts))])
        return _inside(joined, inputs, cts, ys)
    count = len(backward.outputs)
    if any(wanted[count:]):
        raise DifferentiationError(
            "a function with its own gradient uses a tensor that is no argument of it, and the "
            "derivative by that tensor is asked for",
            received=[str(t) for t, want in zip(inputs[count:], wanted[count:]) if want],
            fix="make it an argument, or wrap it in gx.stop_gradient",
        )
    every = filled(cts, ys, range(len(ys)))
    found = build(op.call_op, (*inputs, *ys, *every), {"body": backward, "backward": None})
    given = spread_out(found, range(count), len(inputs))
    return [t if want else None for t, want in zip(given, wanted)]


def call_jvp(tangents: Flow, *inputs: Tensor, body: Graph, backward: Graph | None) -> Flow | None:
    """The body's own jvp; a call with a backward region is transposed (None, see walk.py)."""
    if backward is not None:
        return None
    with tracing() as depth:
        joined = _joined(depth, [push_body(depth, body, flags(tangents))])
    return _inside(joined, inputs, tangents, inputs)


@dataclass(frozen=True, slots=True)
class Joined:
    """Regions with one list of inputs and outputs, made of the linear maps of several bodies.

    The region inputs are the body inputs and the symbols with these numbers, the region outputs
    the results with these numbers, of `count` in all.
    """

    regions: list[Graph]
    inputs: list[int]
    symbols: list[int]
    outputs: list[int]
    count: int

    def arguments(self, inputs: Tensors, flow: Flow, like: Tensors) -> list[Tensor]:
        """What the regions are applied to; `like` has the types of the flow."""
        return [*(inputs[i] for i in self.inputs), *filled(flow, like, self.symbols)]


def _joined(depth: int, sides: Sequence[Linear]) -> Joined:
    outputs = sorted({i for side in sides for i in side.numbers()})
    results = [t for side in sides for t in side.placed(outputs, {})]
    used = {t for node in topological(results) for t in node.outputs}
    inputs = sorted({i for side in sides for i, t in enumerate(side.inputs) if t in used})
    numbers = sorted({j for side in sides for j, t in side.symbols.items() if t in used})
    symbols = {j: t for side in sides for j, t in side.symbols.items()}
    given = [*(sides[0].inputs[i] for i in inputs), *(symbols[j] for j in numbers)]
    places = parameters(depth, op.types_of(given))
    regions: list[Graph] = []
    for side in sides:
        swap = dict(zip([side.inputs[i] for i in inputs], places))
        rest = zip(numbers, places[len(inputs) :])
        swap.update({side.symbols[j]: place for j, place in rest if j in side.symbols})
        regions.append(graph(places, side.placed(outputs, swap)))
    return Joined(regions, inputs, numbers, outputs, len(sides[0].moved))


def _branch(joined: Joined, predicate: Tensor, inputs: Tensors, flow: Flow, like: Tensors) -> Flow:
    attrs: dict[str, AttrValue] = dict(zip(("then_body", "else_body"), joined.regions))
    given = (predicate, *joined.arguments(inputs, flow, like))
    found = build(op.cond_op, given, attrs) if joined.outputs else ()
    return spread_out(found, joined.outputs, joined.count)


def _inside(joined: Joined, inputs: Tensors, flow: Flow, like: Tensors) -> Flow:
    given = tuple(joined.arguments(inputs, flow, like))
    attrs = {"body": joined.regions[0], "backward": None}
    found = build(op.call_op, given, attrs) if joined.outputs else ()
    return spread_out(found, joined.outputs, joined.count)


def all_reduce_vjp(ct: Tensor, y: Tensor, x: Tensor, *, kind: str) -> Tensor:
    """Sum and mean are symmetric; equal largest (smallest) elements of all processes share."""
    if kind in ("sum", "mean"):
        return op.all_reduce(ct, kind)
    hit = elementwise.equal(x, y)
    ties = op.all_reduce(convert.cast(hit, x.dtype), "sum")
    return elementwise.where(hit, elementwise.div(op.all_reduce(ct, "sum"), ties), 0)


# fmt: off
vjp_together(op.scan_op,  scan_vjp)
vjp_together(op.while_op, while_vjp)
vjp_together(op.cond_op,  cond_vjp)
vjp_together(op.call_op,  call_vjp)
vjp(op.all_reduce_op,     all_reduce_vjp)
linear(op.after_op,       lambda ct, y, x, other: ct, None)
linear(op.label_op,       lambda ct, y, x, *, text, number: ct)
jvp(op.scan_op,           scan_jvp)
jvp(op.while_op,          while_jvp)
jvp(op.cond_op,           cond_jvp)
jvp(op.call_op,           call_jvp)
# fmt: on
