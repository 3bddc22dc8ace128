"""Runs a graph node by node in NumPy: `evaluate` for tests, `evaluate_node` for eager mode.

The meanings are the tables beside this file. float16 and bfloat16 are computed in float32 and
rounded after each node; every result has exactly the dtype that the op infers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from graphc.errors import FeedError
from graphc.feed import as_feed, solve_sizes
from graphc.ir import dim
from graphc.ir.dim import Dim
from graphc.ir.graph import Graph, topological
from graphc.ir.node import AttrValue, Node, Op, Tensor
from graphc.provenance import building_for

from . import control, conv, elementwise, index, leaf, matmul, movement, pool, random, reduce
from .control import Region

Values = dict[Tensor, np.ndarray]

FAMILIES = (leaf, elementwise, reduce, movement, matmul, conv, pool, index, random, control)
EVALUATE: dict[Op, Callable[..., np.ndarray | tuple[np.ndarray, ...]]] = {
    op: rule for family in FAMILIES for op, rule in family.EVALUATE.items()
}


def evaluate(
    outputs: Sequence[Tensor],
    feeds: Mapping[Tensor, object] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> list[np.ndarray]:
    """The values of the outputs, given those of placeholders and variables.

    Named sizes are worked out from the shapes of the feeds; `sizes` gives those that no feed tells.
    FeedError names the input whose value has the wrong shape or dtype, or is missing.
    """
    known = {t: as_feed(value, t) for t, value in (feeds or {}).items()}
    found = solve_sizes(list(known), [v.shape for v in known.values()], "the graph")
    for name, size in (sizes or {}).items():
        if found.setdefault(name, size) != size:
            raise FeedError(
                f"the size {name} of the inputs is another", received=found[name], expected=size
            )
    return list(run(outputs, known, found))


def evaluate_node(
    node: Node, inputs: Sequence[np.ndarray], sizes: Mapping[str, int]
) -> tuple[np.ndarray, ...]:
    """The values of a node's outputs, given those of its inputs."""
    attrs = {name: _at_sizes(value, sizes) for name, value in node.attrs.items()}
    given = inputs if "control" in node.op.traits else [_widened(x) for x in inputs]
    if "elementwise" in node.op.traits and len({x.shape for x in given}) > 1:
        raise FeedError(
            f"sizes that were taken to be equal differ in {node.label}",
            received=", ".join(str(x.shape) for x in given),
            source=node.source,
        )
    with building_for(node.source), np.errstate(all="ignore"):
        result = EVALUATE[node.op](*given, **attrs)
        values = result if isinstance(result, tuple) else (result,)
        return tuple(
            np.asarray(v).astype(t.dtype.numpy, copy=False) for v, t in zip(values, node.types)
        )


def run(
    outputs: Sequence[Tensor], known: Mapping[Tensor, np.ndarray], sizes: Mapping[str, int]
) -> tuple[np.ndarray, ...]:
    """The values of the outputs from values and sizes that are already checked."""
    values: Values = dict(known)
    order = _needed(outputs, values)
    # Each value is dropped after its last use, so long graphs need little memory.
    uses = Counter(t for node in order for t in node.inputs)
    uses.update(outputs)
    for node in order:
        results = evaluate_node(node, [values[t] for t in node.inputs], sizes)
        values.update(zip(node.outputs, results))
        uses.subtract(node.inputs)
        for t in node.inputs:
            if uses[t] == 0:
                values.pop(t, None)
    return tuple(values[t] for t in outputs)


def _needed(outputs: Sequence[Tensor], values: Values) -> list[Node]:
    """The nodes to compute; values that are known already are added to `values`."""
    wanted = {t.node for t in outputs}
    order: list[Node] = []
    for node in reversed(topological(outputs)):
        if node not in wanted or _is_known(node, values):
            continue
        if "leaf" in node.op.traits:
            raise FeedError(
                f"the input {node.label} has no value",
                expected=str(node.types[0]),
                fix="give it in the feeds",
                source=node.source,
            )
        order.append(node)
        wanted.update(t.node for t in node.inputs)
    return order[::-1]


def _is_known(node: Node, values: Values) -> bool:
    for tensor in node.outputs:
        if tensor not in values:
            value = tensor.concrete()
            if value is None:
                return False
            values[tensor] = value
    return True


def _run_region(
    region: Graph, inputs: Sequence[np.ndarray], sizes: Mapping[str, int]
) -> tuple[np.ndarray, ...]:
    return run(region.outputs, dict(zip(region.inputs, inputs, strict=True)), sizes)


def _at_sizes(value: AttrValue, sizes: Mapping[str, int]) -> object:
    """An attribute with numbers for symbolic sizes and a function for a region."""
    if isinstance(value, Dim):
        return dim.evaluate(value, sizes)
    if isinstance(value, tuple):
        return tuple(_at_sizes(v, sizes) for v in value)
    return Region(value, sizes, _run_region) if isinstance(value, Graph) else value


def _widened(x: np.ndarray) -> np.ndarray:
    half = x.dtype.itemsize == 2 and x.dtype.kind not in "biu"
    return x.astype(np.float32) if half else x
