"""What shapes metrics with a state per output take."""

from __future__ import annotations

from graphc.errors import ShapeError
from graphc.ir.node import Tensor


def outputs_of(metric: str, *tensors: Tensor) -> int:
    """The number of outputs of tensors (batch, outputs); ShapeError for other shapes."""
    sizes = [t.shape[-1] if t.ndim == 2 else None for t in tensors]
    if not all(isinstance(s, int) for s in sizes):
        raise ShapeError(
            f"{metric} takes targets and predictions (batch, outputs)",
            received=", ".join(str(t.shape) for t in tensors),
            fix="the number of outputs must be known",
        )
    last = sizes[-1]
    assert isinstance(last, int), "checked above"
    return last
