"""NumPy meanings of loops, branches and calls. Regions arrive as `Region`s, which are callable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphc.ir import dim
from graphc.ir.graph import Graph
from graphc.ir.node import Op
from graphc.ops import control

Arrays = tuple[np.ndarray, ...]
Run = Callable[[Graph, Sequence[np.ndarray], Mapping[str, int]], Arrays]


@dataclass(frozen=True, slots=True)
class Region:
    """The body of a control op as a function of arrays, at known sizes."""

    graph: Graph
    sizes: Mapping[str, int]
    run: Run

    def __call__(self, *inputs: np.ndarray) -> Arrays:
        """The values of the region's outputs."""
        return self.run(self.graph, inputs, self.sizes)

    def empty(self, output: int) -> np.ndarray:
        """A stack of no values of an output."""
        shape, dtype = self.graph.outputs[output].type
        return np.zeros((0, *(dim.evaluate(s, self.sizes) for s in shape)), dtype.numpy)


def _scan(
    *inputs: np.ndarray, body: Region, carries: int, scanned: int, length: int, reverse: bool
) -> Arrays:
    carry = inputs[:carries]
    columns, captured = inputs[carries : carries + scanned], inputs[carries + scanned :]
    rows: list[Arrays] = []
    for step in reversed(range(length)) if reverse else range(length):
        result = body(*carry, *(x[step] for x in columns), *captured)
        carry = result[:carries]
        rows.append(result[carries:])
    if not rows:
        return *carry, *(body.empty(i) for i in range(carries, len(body.graph.outputs)))
    return *carry, *map(np.stack, zip(*(reversed(rows) if reverse else rows)))


def _while(*inputs: np.ndarray, condition: Region, body: Region, carries: int) -> Arrays:
    carry, captured = inputs[:carries], inputs[carries:]
    while condition(*carry, *captured)[0]:
        carry = body(*carry, *captured)
    return carry


def _cond(
    predicate: np.ndarray, *captured: np.ndarray, then_body: Region, else_body: Region
) -> Arrays:
    return (then_body if predicate else else_body)(*captured)


# fmt: off
EVALUATE: dict[Op, Callable[..., np.ndarray | Arrays]] = {
    control.scan_op:       _scan,
    control.while_op:      _while,
    control.cond_op:       _cond,
    control.call_op:       lambda *inputs, body, backward: body(*inputs),
    control.all_reduce_op: lambda x, *, kind: x,  # one process is the whole group
    control.after_op:      lambda x, other: x,
    control.label_op:      lambda x, *, text, number: x,
}
# fmt: on
