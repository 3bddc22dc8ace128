"""Nodes that are steps of their own: sorts, cumulative ops, loops and branches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

from graphc.errors import NotSupportedError
from graphc.ir.dim import Size
from graphc.ir.graph import Graph, graph
from graphc.ir.node import Node, Tensor
from graphc.ops import control, index

from .plan import CondStep, CumulativeStep, Plan, ScanStep, SortStep, Step, Storage, WhileStep

MakePlan = Callable[[str, Graph], Plan]
CUMULATIVE: dict[str, Literal["sum", "prod", "max", "min"]] = {
    "cumsum": "sum",
    "cumprod": "prod",
    "cummax": "max",
    "cummin": "min",
}


def step(
    node: Node, given: Callable[[Tensor], Storage], made: Mapping[Tensor, Storage], plan: MakePlan
) -> Step:
    """The step of a node: `given` are the storages of inputs, `made` those of outputs."""
    ins = tuple(given(t) for t in node.inputs)
    outs = tuple(made[t] for t in node.outputs)
    attrs = node.attrs
    if node.op is index.sort_op:
        (x,), (values, places) = ins, outs
        return SortStep(
            x, values, places, cast(int, attrs["axis"]), cast(bool, attrs["descending"])
        )
    if "cumulative" in node.op.traits:
        return CumulativeStep(
            CUMULATIVE[node.op.name], ins[0], outs[0], cast(int, attrs["axis"]),
            cast(bool, attrs["reverse"]), cast(bool, attrs["exclusive"]),
        )  # fmt: skip
    if node.op is control.scan_op:
        return _scan(node, ins, outs, plan)
    if node.op is control.while_op:
        count = cast(int, attrs["carries"])
        condition = plan(f"{node.label}_test", cast(Graph, attrs["condition"]))
        body = plan(f"{node.label}_body", cast(Graph, attrs["body"]))
        return WhileStep(condition, body, ins[:count], ins[count:], outs)
    if node.op is control.cond_op:
        first = plan(f"{node.label}_then", cast(Graph, attrs["then_body"]))
        second = plan(f"{node.label}_else", cast(Graph, attrs["else_body"]))
        return CondStep(ins[0], first, second, ins[1:], outs)
    raise NotSupportedError(
        f"the op {node.op.name} has no native form",
        fix='compile with target="reference"',
        source=node.source,
    )


def _scan(
    node: Node, ins: tuple[Storage, ...], outs: tuple[Storage, ...], plan: MakePlan
) -> ScanStep:
    carries, scanned = cast(int, node.attrs["carries"]), cast(int, node.attrs["scanned"])
    region = cast(Graph, node.attrs["body"])
    after = _stacked(region, carries, region.outputs)
    before = {i: n for i, n in _stacked(region, carries, region.inputs).items() if i not in after}
    stacks = {*after.values(), *before.values()}
    rest = [n for n in range(len(outs)) if n not in stacks]
    body = plan(f"{node.label}_body", graph(region.inputs, [region.outputs[n] for n in rest]))
    return ScanStep(
        body, cast(Size, node.attrs["length"]), cast(bool, node.attrs["reverse"]),
        ins[:carries], ins[carries : carries + scanned], ins[carries + scanned :],
        outs[:carries], tuple(outs[n] for n in rest[carries:]),
        tuple((i, outs[n]) for i, n in before.items()),
        tuple((i, outs[n]) for i, n in after.items()),
    )  # fmt: skip


def _stacked(region: Graph, carries: int, among: Sequence[Tensor]) -> dict[int, int]:
    """For carries that are stacked as they are, the number of the result that stacks them."""
    found: dict[int, int] = {}
    for i, carry in enumerate(among[:carries]):
        rows = [n for n, t in enumerate(region.outputs) if n >= carries and t is carry]
        alone = sum(t is carry for t in among[:carries]) == 1
        if rows and alone:
            found[i] = rows[0]
    return found
