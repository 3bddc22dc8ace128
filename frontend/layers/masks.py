"""Masks of sequences: for a tensor (batch, time, ...) which time steps count, bool (batch, time).

A mask belongs to a tensor. Layers that keep the time axis pass it on, those that understand masks
take it as an argument `mask`, and the others let it go.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from graphc.ir.node import Tensor

_masks: WeakKeyDictionary[Tensor, Tensor] = WeakKeyDictionary()


def mask_of(tensor: Tensor) -> Tensor | None:
    """The mask of a tensor, or None where every step counts."""
    return _masks.get(tensor)


def set_mask(tensor: Tensor, mask: Tensor | None) -> None:
    """Give a tensor a mask; None changes nothing."""
    if mask is not None and mask is not tensor:
        _masks[tensor] = mask
