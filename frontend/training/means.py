"""Running means of losses and metrics, kept in variables that the compiled step updates.

    total = total + value * examples,   count = count + examples,   mean = total / count

So an epoch's numbers are weighted by batch size, and a native loop needs no help from Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from graphc import dtypes
from graphc.ir.dim import Size
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree
from graphc.ops import elementwise, leaf
from graphc.ops.variable import Variable, variable


@final
class Means:
    """The running means of some named numbers."""

    def __init__(self, names: Sequence[str]) -> None:
        self.totals = {n: _zero(f"total/{n}") for n in names}
        self.count = _zero("count")

    def reset(self) -> None:
        """Begin again at no examples."""
        for v in (self.count, *self.totals.values()):
            v.assign(np.float32(0))

    def add(
        self, values: Mapping[str, Tensor], examples: Size
    ) -> tuple[dict[str, Tree[Tensor]], dict[Variable, Tensor]]:
        """The means with these means of a batch added, and the updates that keep them."""
        number = leaf.size_of(examples, dtypes.float32)
        count = elementwise.add(self.count, number)
        sums = {n: elementwise.add(v, elementwise.mul(values[n], number))
                for n, v in self.totals.items()}  # fmt: skip
        updates = {self.count: count, **{self.totals[n]: t for n, t in sums.items()}}
        return {n: elementwise.div(t, count) for n, t in sums.items()}, updates

    def values(self) -> dict[str, float]:
        """The means so far; NaN where there were no examples."""
        count = float(self.count.numpy())
        return {n: float(v.numpy()) / count if count else float("nan")
                for n, v in self.totals.items()}  # fmt: skip


def _zero(name: str) -> Variable:
    return variable(0.0, dtypes.float32, name=f"metrics/{name}", trainable=False)
