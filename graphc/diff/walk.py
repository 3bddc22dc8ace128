"""The two walks over a graph: cotangents from outputs to inputs, tangents from inputs to outputs.

Both touch only nodes that lie between; a zero is None and never built. The public functions are in
reverse.py and forward.py, the rules in the files named as the op families.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.errors import DifferentiationError
from graphc.ir.graph import topological
from graphc.ir.mode import build, inside_region, is_eager
from graphc.ir.node import Node, Op, Tensor
from graphc.ops import elementwise, leaf
from graphc.provenance import building_for

from .rules import DERIVATIVES, Derivative, Flow, Pull


def pull_back(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Flow
) -> list[Tensor | None]:
    """The cotangents of inputs, given those of outputs; None for inputs that nothing reaches.

    Contributions are added in the reverse order of the graph, so the result is one fixed graph.
    """
    order = topological(outputs)
    active = active_nodes(order, inputs)
    found: dict[Tensor, Tensor] = {}
    for t, ct in zip(outputs, cotangents, strict=True):
        if ct is not None and _carries(t, active):
            found[t] = elementwise.add(found[t], ct) if t in found else ct
    for node in reversed(order):
        if node not in active:
            continue
        wanted = [_carries(t, active) for t in node.inputs]
        if True not in wanted:
            continue
        results = present(node)
        cts = tuple(found.get(t) for t in results)
        if all(ct is None for ct in cts):
            continue
        if (pull := derivative_of(node.op).pull) is None:
            continue
        with building_for(node.source, "backward"):
            for t, ct in zip(node.inputs, pull(node, cts, wanted), strict=True):
                if ct is None:
                    continue
                assert (ct.dtype, ct.ndim) == (t.dtype, t.ndim), "a cotangent is like its input"
                found[t] = elementwise.add(found[t], ct) if t in found else ct
    return [found.get(t) for t in inputs]


def push_forward(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], tangents: Flow
) -> list[Tensor | None]:
    """The tangents of outputs, given those of inputs; None for outputs that do not move."""
    found = {t: v for t, v in zip(inputs, tangents, strict=True) if v is not None}
    for node in topological(outputs):
        given = [found.get(t) for t in node.inputs]
        if all(t is None for t in given):
            continue
        with building_for(node.source):
            for t, tangent in zip(present(node), _push(node, given), strict=True):
                if tangent is not None and t.dtype.is_float:
                    found[t] = elementwise.add(found[t], tangent) if t in found else tangent
    return [found.get(t) for t in outputs]


def active_nodes(order: Iterable[Node], inputs: Iterable[Tensor]) -> set[Node]:
    """The nodes of an order that change smoothly with the inputs, the inputs' own included."""
    active = {t.node for t in inputs}
    for node in order:
        if node not in active and any(_carries(t, active) for t in node.inputs):
            known = DERIVATIVES.get(node.op)
            if known is None or known.pull is not None:
                active.add(node)
    return active


def derivative_of(op: Op) -> Derivative:
    """The entry of the table; an error that says what is missing for an op without one."""
    if (found := DERIVATIVES.get(op)) is None:
        raise DifferentiationError(
            f"the op {op.name} has no derivative rule",
            fix=f"enter one: vjp({op.name}, ...), see graphc/diff/rules.py",
        )
    return found


def present(node: Node) -> tuple[Tensor, ...]:
    """The outputs of a node, to be held while its rule runs.

    In eager mode an output that nobody holds has lost its value, so it is computed once more.
    """
    several = len(node.types) > 1 and is_eager()
    return build(node.op, node.inputs, node.attrs) if several else node.outputs


def _carries(t: Tensor, active: set[Node]) -> bool:
    return t.dtype.is_float and t.node in active


def _push(node: Node, tangents: Flow) -> Flow:
    derivative = derivative_of(node.op)
    if derivative.pull is None:
        return [None] * len(node.types)
    moved = derivative.push(node, tangents) if derivative.push is not None else None
    return moved if moved is not None else _push_by_transposing(derivative.pull, node, tangents)


def _push_by_transposing(pull: Pull, node: Node, tangents: Flow) -> Flow:
    """The forward rule that a reverse rule implies.

    The cotangent of the inputs is linear in that of the outputs, u -> J^T u. Its own transpose,
    taken at any u, is the map t -> J t. So u is a symbol that does not appear in the result.
    """
    wanted = [t is not None for t in tangents]
    with inside_region() as depth:
        symbols = [leaf.parameter(depth, i, kind) for i, kind in enumerate(node.types)]
        flows = [s if s.dtype.is_float else None for s in symbols]
        pulled = pull(node, flows, wanted)
        pairs = [(p, t) for p, t in zip(pulled, tangents) if p is not None and t is not None]
        return pull_back([p for p, _ in pairs], symbols, [t for _, t in pairs])
