"""Random bits: a function of the key and the row-major element number."""

from __future__ import annotations

from graphc import dtypes
from graphc.ir.node import Node
from graphc.kernels import build, index
from graphc.kernels.kernel import Affine, Expr
from graphc.ops import random

from .context import At, Context, lower


def _random_bits(context: Context, node: Node, at: At) -> Expr:
    key = node.inputs[0]
    words = [context.value(key, (Affine((), i),)) for i in range(2)]
    number = index.as_expr(index.linear(at, node.types[0].shape))
    low = build.op("cast", build.op("bitwise_and", number, 2**32 - 1), dtype=dtypes.uint32)
    high = build.op("cast", build.op("shift_right", number, 32), dtype=dtypes.uint32)
    return build.op("random_bits", *words, low, high, dtype=dtypes.uint32)


lower(random.random_bits_op, _random_bits)
