"""Derivatives of branches, calls and all_reduce, and the table of all control ops.

The bodies are differentiated and put into a control op again; loops are in loops.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.errors import DifferentiationError
from graphc.ir.graph import Graph, graph
from graphc.ir.mode import build
from graphc.ir.node import Tensor
from graphc.ops import control as op
from graphc.ops import convert, elementwise

from .linearize import Linear, filled, flags, parameters, pull_body, push_body, spread_out, tracing
from .loops import scan_jvp, scan_vjp, while_jvp, while_vjp
from .rules import Flow, jvp, vjp, vjp_together

Tensors = Sequence[Tensor]
Flags = Sequence[bool]


def cond_vjp(
    cts: Flow, ys: Tensors, inputs: Tensors, wanted: Flags, *, then_body: Graph, else_body: Graph
) -> Flow:
    """The branch that ran pulls back, from the same inputs; the other has no part in it."""
    with tracing() as depth:
        sides = [pull_body(depth, b, wanted[1:], flags(cts)) for b in (then_body, else_body)]
        regions, arriving, which = _joined(depth, sides)
    attrs = dict(zip(("then_body", "else_body"), regions))
    given = (inputs[0], *inputs[1:], *filled(cts, ys, arriving))
    found = build(op.cond_op, given, attrs) if which else ()
    return [None, *spread_out(found, which, len(inputs) - 1)]


def cond_jvp(tangents: Flow, *inputs: Tensor, then_body: Graph, else_body: Graph) -> Flow:
    """The branch that runs carries its tangents."""
    with tracing() as depth:
        sides = [push_body(depth, b, flags(tangents[1:])) for b in (then_body, else_body)]
        regions, arriving, which = _joined(depth, sides)
    attrs = dict(zip(("then_body", "else_body"), regions))
    given = (inputs[0], *inputs[1:], *filled(tangents[1:], inputs[1:], arriving))
    found = build(op.cond_op, given, attrs) if which else ()
    return spread_out(found, which, len(then_body.outputs))


def call_vjp(
    cts: Flow, ys: Tensors, inputs: Tensors, wanted: Flags, *, body: Graph, backward: Graph | None
) -> Flow:
    """A call of the backward region, (inputs*, outputs*, cts*) -> ct*, or of the body's own vjp.

    A given backward region answers for the inputs in front; captured ones behind have no rule.
    """
    if backward is not None:
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
    with tracing() as depth:
        side = pull_body(depth, body, wanted, flags(cts))
        regions, arriving, which = _joined(depth, [side])
    attrs = {"body": regions[0], "backward": None}
    found = build(op.call_op, (*inputs, *filled(cts, ys, arriving)), attrs) if which else ()
    return spread_out(found, which, len(inputs))


def _joined(depth: int, sides: Sequence[Linear]) -> tuple[list[Graph], list[int], list[int]]:
    """Regions on (inputs*, symbols*) with one list of results, and the numbers of both lists."""
    arriving = sorted({j for side in sides for j in side.symbols})
    which = sorted({i for side in sides for i in side.numbers()})
    symbols = {j: t for side in sides for j, t in side.symbols.items()}
    given = [*sides[0].inputs, *(symbols[j] for j in arriving)]
    places = parameters(depth, op.types_of(given))
    swap = dict(zip(given, places))
    return [graph(places, side.placed(which, swap)) for side in sides], arriving, which


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
jvp(op.scan_op,           scan_jvp)
jvp(op.while_op,          while_jvp)
jvp(op.cond_op,           cond_jvp)
# fmt: on
