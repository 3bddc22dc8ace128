"""What the update of one parameter is given, and which parameters there are to update."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graphc import dtypes
from graphc.dtypes import DType
from graphc.errors import ArgumentError, ShapeError
from graphc.ir.dim import may_equal
from graphc.ir.node import Tensor
from graphc.ops import convert
from graphc.ops.convert import TensorLike
from graphc.ops.variable import Variable
from graphc.provenance import warn

State = Mapping[str, Tensor]
GradsAndVars = Iterable[tuple[TensorLike | None, Variable]]


@dataclass(frozen=True, slots=True)
class Step:
    """What the updates of one step share, in the dtype of the parameter: the learning rate, the
    number of this step from 1, and the new state that belongs to no parameter."""

    rate: Tensor
    number: Tensor
    shared: State

    def cast(self, dtype: DType) -> Step:
        """The same in another dtype."""
        shared = {name: convert.cast(t, dtype) for name, t in self.shared.items()}
        return Step(convert.cast(self.rate, dtype), convert.cast(self.number, dtype), shared)


def present(grads_and_vars: GradsAndVars) -> list[tuple[TensorLike, Variable]]:
    """The pairs that have a gradient; a warning names the others."""
    pairs = list(grads_and_vars)
    found = [(g, v) for g, v in pairs if g is not None]
    if pairs and not found:
        raise ArgumentError("No gradients provided for any variable")
    if len(found) < len(pairs):
        lost = ", ".join(v.name for g, v in pairs if g is None)
        warn(f"there are no gradients of {lost}; they do not change")
    return found


def gradient_of(parameter: Variable, given: TensorLike) -> Tensor:
    """A gradient in the dtype in which the parameter is updated.

    Raises:
        ShapeError: it has another shape than the parameter.
    """
    gradient = convert.cast(given, working(parameter.dtype))
    same = gradient.ndim == parameter.ndim and all(map(may_equal, gradient.shape, parameter.shape))
    if not same:
        raise ShapeError(
            f"the gradient of {parameter.name} has another shape",
            received=gradient.shape,
            expected=parameter.shape,
        )
    return gradient


def working(dtype: DType) -> DType:
    """The dtype in which parameters of a dtype are updated."""
    return dtypes.promote(dtype, dtypes.float32)
