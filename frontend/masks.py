"""Masks of tensors: which time steps or examples count. A mask goes with a tensor object.

Layers that make or keep masks set them; losses and metrics read the mask of the predictions.
"""

from __future__ import annotations

from weakref import finalize

from graphc.ir.node import Tensor
from graphc.ops import convert
from graphc.ops.convert import TensorLike

# By identity: tensors are not compared, because == builds graph.
_masks: dict[int, Tensor] = {}


def set_mask(tensor: Tensor, mask: TensorLike | None) -> None:
    """Give a tensor a mask, or take it away.

    >>> from graphc.ops.leaf import placeholder
    >>> x = placeholder((None, 3), name="doctest_masked")
    >>> set_mask(x, [True, True, False])
    >>> mask_of(x).shape
    (3,)
    """
    if id(tensor) not in _masks and mask is not None:
        finalize(tensor, _masks.pop, id(tensor), None).atexit = False
    if mask is None:
        _masks.pop(id(tensor), None)
    else:
        _masks[id(tensor)] = convert.as_tensor(mask)


def mask_of(tensor: TensorLike) -> Tensor | None:
    """The mask of a tensor; None where all of it counts."""
    return _masks.get(id(tensor)) if isinstance(tensor, Tensor) else None
