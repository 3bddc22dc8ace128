"""Dead code. What no output needs is in no graph, so only loops and branches have dead parts."""

from __future__ import annotations

from graphc.ir.graph import Graph, graph, rewrite
from graphc.ir.node import Node, Tensor, apply
from graphc.ops.control import cond_op, scan_op, while_op
from graphc.provenance import building_for

from .options import Options
from .regions import count, region, reordered, used_inputs


def remove_dead(given: Graph, options: Options) -> Graph:
    """Loops carry, compute and return only what is read, and nothing twice; so do branches.

    last, unused = scan(f, (a, b), xs)  ->  last = scan(f', a, xs)
    """
    return _shrunk(given)


def _shrunk(given: Graph) -> Graph:
    """From the outside in, because what an outer loop does not need kills values inside."""
    if not any("control" in node.op.traits for node in given.nodes):
        return given
    kept = _kept(given)

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if node.op not in _REBUILD:
            return None
        with building_for(node.source):
            return _REBUILD[node.op](node, inputs, kept[node])

    return graph(given.inputs, rewrite(given.outputs, replace))


def _kept(given: Graph) -> dict[Node, tuple[set[int], set[int]]]:
    """For each node of loops and branches, the outputs and inputs that are needed."""
    live = set(given.outputs)
    kept: dict[Node, tuple[set[int], set[int]]] = {}
    for node in reversed(given.nodes):
        outputs = {i for i, t in enumerate(node.outputs) if t in live}
        if node.op not in _NEEDS:
            live.update(node.inputs if outputs else ())
            continue
        kept[node] = _NEEDS[node.op](node, outputs)
        live.update(node.inputs[i] for i in kept[node][1])
    return kept


def _loop_needs(node: Node, outputs: set[int]) -> tuple[set[int], set[int]]:
    """A carry is needed if it is read after the loop, or inside by anything that is needed."""
    body, carries = region(node, "body"), count(node, "carries")
    needed, inputs = set[int](), outputs
    while needed != outputs:
        needed = outputs
        inputs = used_inputs(body, [body.outputs[i] for i in sorted(needed)])
        if node.op is while_op:
            condition = region(node, "condition")
            inputs = inputs | used_inputs(condition, condition.outputs)
        outputs = needed | {i for i in inputs if i < carries}
    return needed, inputs | {i for i in needed if i < carries}


def _cond_needs(node: Node, outputs: set[int]) -> tuple[set[int], set[int]]:
    inputs: set[int] = set()
    for name in ("then_body", "else_body"):
        branch = region(node, name)
        inputs |= used_inputs(branch, [branch.outputs[i] for i in sorted(outputs)])
    return outputs, {0, *(i + 1 for i in inputs)}


def _part(given: Graph, inputs: set[int], outputs: set[int]) -> Graph:
    return _shrunk(
        reordered(
            given,
            [given.inputs[i] for i in sorted(inputs)],
            [given.outputs[i] for i in sorted(outputs)],
        )
    )


def _loop(
    node: Node, inputs: tuple[Tensor, ...], kept: tuple[set[int], set[int]]
) -> tuple[Tensor, ...]:
    needed, ins = kept
    carries, body = count(node, "carries"), region(node, "body")
    first: dict[Tensor, int] = {}
    same = [i if i < carries else first.setdefault(t, i) for i, t in enumerate(body.outputs)]
    outs = {same[i] for i in needed}
    attrs = dict(node.attrs)
    attrs["body"] = _part(body, ins, outs)
    attrs["carries"] = sum(i < carries for i in outs)
    if node.op is while_op:
        attrs["condition"] = _part(region(node, "condition"), ins, {0})
    else:
        attrs["scanned"] = sum(carries <= i < carries + count(node, "scanned") for i in ins)
    made = apply(node.op, tuple(inputs[i] for i in sorted(ins)), attrs, node.source)
    placed = _placed(node, made, outs)
    return tuple(placed[i] for i in same)


def _cond(
    node: Node, inputs: tuple[Tensor, ...], kept: tuple[set[int], set[int]]
) -> tuple[Tensor, ...]:
    outs, ins = kept
    inner = {i - 1 for i in ins if i}
    attrs = {name: _part(region(node, name), inner, outs) for name in ("then_body", "else_body")}
    made = apply(node.op, tuple(inputs[i] for i in sorted(ins)), attrs, node.source)
    return _placed(node, made, outs)


def _placed(old: Node, new: Node, kept: set[int]) -> tuple[Tensor, ...]:
    """The new outputs at their old places; nobody reads what stands at the others."""
    outputs = list(old.outputs)
    for place, t in zip(sorted(kept), new.outputs):
        outputs[place] = t
    return tuple(outputs)


_NEEDS = {scan_op: _loop_needs, while_op: _loop_needs, cond_op: _cond_needs}
_REBUILD = {scan_op: _loop, while_op: _loop, cond_op: _cond}
