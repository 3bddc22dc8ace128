"""The operations of the graph, one file per family; FAMILIES lists the primitives of each."""

from __future__ import annotations

from graphc.ir.node import Op

from . import (
    control,
    conv,
    convert,
    elementwise,
    index,
    leaf,
    matmul,
    movement,
    operators,
    pool,
    random,
    reduce,
    variable,
)

# Every primitive that needs a meaning on each backend; leaves are given, not computed.
FAMILIES: dict[str, tuple[Op, ...]] = {
    "leaf": (leaf.full_op, leaf.iota_op, leaf.size_of_op),
    "elementwise": (*elementwise.OPS, convert.cast_op),
    "reduce": reduce.OPS,
    "movement": movement.OPS,
    "matmul": matmul.OPS,
    "conv": conv.OPS,
    "pool": pool.OPS,
    "index": index.OPS,
    "random": random.OPS,
    "control": control.OPS,
}

__all__ = ["FAMILIES", "operators", "variable"]
