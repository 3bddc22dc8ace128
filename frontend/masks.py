"""Masks of tensors: which time steps or examples count. A mask goes with a tensor object.

Layers that make or keep masks set them; losses and metrics read the mask of the predictions.
"""

from __future__ import annotations

from graphc.ir.node import Tensor
from graphc.ops import convert
from graphc.ops.convert import TensorLike

from .notes import Notes

_masks = Notes[Tensor]()


def set_mask(tensor: Tensor, mask: TensorLike | None) -> None:
    """Give a tensor a mask that does not depend on it, or take it away.

    >>> from graphc.ops.leaf import placeholder
    >>> x = placeholder((None, 3), name="doctest_masked")
    >>> set_mask(x, [True, True, False])
    >>> mask_of(x).shape
    (3,)
    """
    _masks.set(tensor, None if mask is None else convert.as_tensor(mask))


def mask_of(tensor: TensorLike) -> Tensor | None:
    """The mask of a tensor; None where all of it counts."""
    return _masks.get(tensor) if isinstance(tensor, Tensor) else None
