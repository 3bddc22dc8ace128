"""Keeping gradients small before they are used."""

from __future__ import annotations

from collections.abc import Sequence

from graphc import dtypes
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, reduce
from graphc.ops.elementwise import maximum, sqrt, square


def by_value(gradient: Tensor, limit: float) -> Tensor:
    """Every element limited to -limit .. limit."""
    return elementwise.clip(gradient, -limit, limit)


def by_norm(gradient: Tensor, limit: float) -> Tensor:
    """g * limit / max(|g|, limit), so that the norm is at most limit."""
    return gradient * limit / maximum(norm([gradient]), limit)


def by_global_norm(gradients: Sequence[Tensor], limit: float) -> list[Tensor]:
    """The same with one norm of all gradients together (Pascanu et al. 2013)."""
    scale = limit / maximum(norm(gradients), limit)
    return [gradient * convert.cast(scale, gradient.dtype) for gradient in gradients]


def norm(gradients: Sequence[Tensor]) -> Tensor:
    """The square root of the sum of all squares."""
    squares = [reduce.sum(square(gradient)) for gradient in gradients]
    if len(squares) == 1:
        return sqrt(squares[0])
    total = convert.cast(squares[0], dtypes.float32)
    for part in squares[1:]:
        total = total + convert.cast(part, dtypes.float32)
    return sqrt(total)
