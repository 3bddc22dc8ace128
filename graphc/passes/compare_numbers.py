"""Whether two graphs compute the same numbers, on random inputs; for GRAPHC_CHECK=3 and tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.errors import GraphcError, VerifyError
from graphc.ir.dim import Size, names_of
from graphc.ir.graph import Graph
from graphc.ir.literal import Literal
from graphc.ir.mode import Evaluate
from graphc.ir.node import Tensor

from .unify_sizes import with_sizes

# Passes may change the last digits; what they get wrong is far off.
TOLERANCE = {"float16": 2e-2, "bfloat16": 1e-1, "float32": 1e-3, "float64": 1e-6}


def compare_numbers(before: Graph, after: Graph, evaluate: Evaluate, what: str) -> None:
    """VerifyError if `what` changed the numbers of a graph. What cannot be run is not compared."""
    names = sorted(n for t in before.inputs for s in t.shape for n in names_of(s))
    sizes: dict[str, Size] = dict.fromkeys(names, 3)
    try:
        first, second = with_sizes(before, sizes), with_sizes(after, sizes)
        feeds = [_random(t, i) for i, t in enumerate(first.inputs)]
        values = run_graph(first, feeds, evaluate)
    except GraphcError:
        return
    for i, (x, y) in enumerate(zip(values, run_graph(second, feeds, evaluate), strict=True)):
        name = first.outputs[i].dtype.name
        first_wide, second_wide = x.astype(np.float64), y.astype(np.float64)
        allowed = TOLERANCE.get(name, 0.0)
        close = np.isclose(first_wide, second_wide, allowed, allowed, equal_nan=True)
        if x.shape != y.shape or not close.all():
            raise VerifyError(
                f"{what} changes the numbers of output {i}",
                received=f"{np.count_nonzero(~close)} of {x.size} elements",
                expected="the same numbers before and after a pass",
            )


def run_graph(given: Graph, feeds: Sequence[np.ndarray], evaluate: Evaluate) -> list[np.ndarray]:
    """The outputs of a graph of known sizes, node by node."""
    values: dict[Tensor, np.ndarray] = dict(zip(given.inputs, feeds))
    for node in given.nodes:
        literal = node.attrs.get("value")
        if isinstance(literal, Literal):
            values[node.output()] = literal.array
        elif node.output() not in values:
            values.update(zip(node.outputs, evaluate(node, [values[t] for t in node.inputs])))
    return [values[t] for t in given.outputs]


def _random(t: Tensor, seed: int) -> np.ndarray:
    shape = [s for s in t.shape if isinstance(s, int)]
    generator = np.random.default_rng(seed)
    if t.dtype.is_float:
        return generator.uniform(-1, 1, shape).astype(t.dtype.numpy)
    return generator.integers(0, 2, shape).astype(t.dtype.numpy)
