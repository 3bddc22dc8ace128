"""Derivatives of scan and while_loop; the table entries are in control.py."""

from __future__ import annotations

from collections.abc import Sequence

from graphc import dtypes
from graphc.ir.dim import Size
from graphc.ir.graph import Graph, graph, inline, substitute
from graphc.ir.mode import build
from graphc.ir.node import Tensor, TensorType
from graphc.ops import elementwise, leaf
from graphc.ops.control import build_scan, types_of, while_op

from .linearize import (
    Linear,
    filled,
    flags,
    needed_values,
    parameters,
    pull_body,
    push_body,
    spread_out,
    tracing,
)
from .rules import Flow, zeros_like

Tensors = Sequence[Tensor]
Numbers = Sequence[int]
Flags = Sequence[bool]

# ---------------------------------------------------------------------------- scan


def scan_vjp(
    cts: Flow, ys: Tensors, inputs: Tensors, wanted: Flags, *, body: Graph, carries: int,
    scanned: int, length: Size, reverse: bool,
) -> Flow:  # fmt: skip
    """A scan the other way that carries the cotangents of the carries, and sums those of captured.

        forward     carry, y = body(carry, x, captured)
        backward    ct_carry, ct_x, d = body_vjp(ct_carry, ct_y, kept);  sum = sum + d

    The values `kept` of all steps come from a wider forward scan, which has all outputs of the
    first one as well.
    """
    first = carries + scanned  # where captured inputs begin
    with tracing() as depth:
        back = pull_body(depth, body, wanted, flags(cts), carries)
        if not back.numbers():
            return [None] * len(inputs)
        number = {t: i for i, t in enumerate(back.inputs)}
        needed = needed_values(back, back.inputs[:first])
        rows = [t for t in needed if carries <= number.get(t, -1) < first]
        shared = [t for t in needed if number.get(t, -1) >= first]
        kept = [t for t in needed if number.get(t, -1) < carries]
        flows = [j for j in back.symbols if j < carries]
        seen = [j for j in back.symbols if j >= carries]
        sums, columns = back.numbers(first), back.numbers(carries, first)
        scanning = [*(back.symbols[j] for j in seen), *kept, *rows]
        region = _backward_step(depth, back, flows, sums, columns, scanning, shared)
    stacks = _stack(back, kept, ys, inputs, carries, scanned, length, reverse)
    found = build_scan(
        region,
        [*filled(cts, inputs, flows), *(zeros_like(inputs[i]) for i in sums)],
        [*filled(cts, ys, seen), *stacks, *(inputs[number[t]] for t in rows)],
        [inputs[number[t]] for t in shared],
        length,
        not reverse,
    )
    result = spread_out(found, [*flows, *sums, *columns], len(inputs))
    return [t if want else None for t, want in zip(result, wanted)]


def _backward_step(
    depth: int, back: Linear, flows: Numbers, sums: Numbers, columns: Numbers, scanning: Tensors,
    shared: Tensors,
) -> Graph:  # fmt: skip
    """The body of the backward scan, on (ct_carry*, sum*), scanning, shared."""
    arriving = [back.symbols[j] for j in flows]
    totals = [back.inputs[i] for i in sums]
    inputs = parameters(depth, types_of([*arriving, *totals, *scanning, *shared]))
    flowing, running = inputs[: len(flows)], inputs[len(flows) : len(flows) + len(sums)]
    rest = inputs[len(flows) + len(sums) :]
    swap = dict(zip([*arriving, *scanning, *shared], [*flowing, *rest]))
    added = map(elementwise.add, running, back.placed(sums, swap))
    return graph(inputs, [*back.placed(flows, swap), *added, *back.placed(columns, swap)])


def _stack(
    back: Linear, kept: Tensors, ys: Tensors, inputs: Tensors, carries: int, scanned: int,
    length: Size, reverse: bool,
) -> list[Tensor]:  # fmt: skip
    """Values of all steps: outputs of the scan if it has them all, else of a wider scan."""
    stacks = dict(zip(back.outputs[carries:], ys[carries:]))
    missing = [t for t in kept if t not in stacks]
    if missing:
        rows = [*back.outputs[carries:], *missing]
        wider = graph(back.inputs, [*back.outputs[:carries], *rows])
        first = carries + scanned
        xs, captured = inputs[carries:first], inputs[first:]
        found = build_scan(wider, inputs[:carries], xs, captured, length, reverse)
        stacks = dict(zip(rows, found[carries:]))
    return [stacks[t] for t in kept]


def scan_jvp(
    tangents: Flow, *inputs: Tensor, body: Graph, carries: int, scanned: int, length: Size,
    reverse: bool,
) -> Flow:  # fmt: skip
    """The same scan with the tangents of its carries carried along."""
    ranges = ((0, carries), (carries, carries + scanned), (carries + scanned, len(inputs)))
    with tracing() as depth:
        ahead = push_body(depth, body, flags(tangents), carries)
        if not ahead.numbers():
            return [None] * len(body.outputs)
        groups = [[i for i in ahead.symbols if a <= i < b] for a, b in ranges]
        seen = ahead.numbers(carries)
        given = [
            t
            for (a, b), group in zip(ranges, groups)
            for t in (*ahead.inputs[a:b], *(ahead.symbols[i] for i in group))
        ]
        places = parameters(depth, types_of(given))
        swap = dict(zip(given, places))
        carry = substitute(ahead.outputs[:carries], swap)
        region = graph(places, [*carry, *ahead.placed([*groups[0], *seen], swap)])
    carry, xs, captured = (
        [*inputs[a:b], *filled(tangents, inputs, group)] for (a, b), group in zip(ranges, groups)
    )
    found = build_scan(region, carry, xs, captured, length, reverse)
    return spread_out(found[carries:], [*groups[0], *seen], len(body.outputs))


# ---------------------------------------------------------------------------- while_loop

_COUNT = TensorType((), dtypes.int32)


def while_vjp(
    cts: Flow, ys: Tensors, inputs: Tensors, wanted: Flags, *, condition: Graph, body: Graph,
    carries: int,
) -> Flow:  # fmt: skip
    """A loop from the last step to the first that computes the carry of each step anew.

    forward     while condition(carry): carry = body(carry)                counts n steps
    backward    for t = n - 1 .. 0: carry = body applied t times to the start
                                    ct, d = body_vjp(ct, carry);  sum = sum + d
    """
    with tracing() as depth:
        back = pull_body(depth, body, wanted, flags(cts), carries)
        flows, sums = list(back.symbols), back.numbers(carries)
        if not back.numbers():
            return [None] * len(inputs)
        counting = _counted(depth, body, condition)
        regions = _backward_loop(depth, back, body, flows, sums, carries)
    zero = leaf.uniform((), 0, dtypes.int32)
    steps = build(while_op, (zero, *inputs), {**counting, "carries": carries + 1})[0]
    start = [*filled(cts, ys, flows), *(zeros_like(inputs[i]) for i in sums)]
    attrs = {**regions, "carries": 1 + len(start)}
    found = build(while_op, (steps, *start, *inputs), attrs)
    result = spread_out(found[1 : len(start) + 1], [*flows, *sums], len(inputs))
    return [t if want else None for t, want in zip(result, wanted)]


def _counted(depth: int, body: Graph, condition: Graph | None) -> dict[str, Graph]:
    """The loop with a step counter; without a condition it stops at an extra last input."""
    stop = [_COUNT] if condition is None else []
    inputs = parameters(depth, [_COUNT, *(t.type for t in body.inputs), *stop])
    step, own = inputs[0], inputs[1 : len(body.inputs) + 1]
    test = [elementwise.less(step, inputs[-1])] if condition is None else inline(condition, own)
    next_step = elementwise.add(step, 1)
    return {
        "condition": graph(inputs, test),
        "body": graph(inputs, [next_step, *inline(body, own)]),
    }


def _backward_loop(
    depth: int, back: Linear, body: Graph, flows: Numbers, sums: Numbers, carries: int
) -> dict[str, Graph]:
    """The loop on (step, ct*, sum*) and the inputs of the forward loop."""
    arriving = [back.symbols[j] for j in flows]
    totals = [back.inputs[i] for i in sums]
    types = types_of([*arriving, *totals, *back.inputs])
    step, *places = parameters(depth, [_COUNT, *types])
    flowing, running = places[: len(flows)], places[len(flows) : len(flows) + len(sums)]
    own = places[len(flows) + len(sums) :]
    with tracing() as inner:
        counted = _counted(inner, body, None)
    before = elementwise.sub(step, 1)
    zero = leaf.uniform((), 0, dtypes.int32)
    again = build(while_op, (zero, *own, before), {**counted, "carries": carries + 1})
    state = [*again[1:], *own[carries:]]
    swap = dict(zip([*arriving, *back.inputs], [*flowing, *state]))
    added = map(elementwise.add, running, back.placed(sums, swap))
    inputs = (step, *places)
    return {
        "condition": graph(inputs, [elementwise.less(0, step)]),
        "body": graph(inputs, [before, *back.placed(flows, swap), *added]),
    }


def while_jvp(tangents: Flow, *inputs: Tensor, condition: Graph, body: Graph, carries: int) -> Flow:
    """The same loop with the tangents of its carries carried along."""
    with tracing() as depth:
        ahead = push_body(depth, body, flags(tangents), carries)
        flows = [i for i in ahead.symbols if i < carries]
        fixed = [i for i in ahead.symbols if i >= carries]
        given = [*ahead.inputs[:carries], *(ahead.symbols[i] for i in flows)]
        given += [*ahead.inputs[carries:], *(ahead.symbols[i] for i in fixed)]
        places = parameters(depth, types_of(given))
        swap = dict(zip(given, places))
        test = inline(condition, substitute(ahead.inputs, swap))
        step = [*substitute(ahead.outputs, swap), *ahead.placed(flows, swap)]
        attrs = {"condition": graph(places, test), "body": graph(places, step)}
    start = [*inputs[:carries], *filled(tangents, inputs, flows)]
    captured = [*inputs[carries:], *filled(tangents, inputs, fixed)]
    found = build(while_op, (*start, *captured), {**attrs, "carries": len(start)})
    return spread_out(found[carries:], flows, carries)
