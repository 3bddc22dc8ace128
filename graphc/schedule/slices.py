"""Concatenations without a kernel: what is joined is written side by side in the first place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from graphc.ir.dim import Size, names_of
from graphc.ir.node import Tensor
from graphc.ops import movement

from .fuse import Fusion
from .group import Group


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of `whole` from `start` on along an axis."""

    whole: Tensor
    axis: int
    start: Size


def slices(groups: Iterable[Group], fusion: Fusion, fixed: bool) -> dict[Tensor, Slice]:
    """Where tensors are written that only a concatenation reads, and all its other inputs too.

    Kernels of contractions write whole rows of registers, so theirs stay apart; so do arrays of
    known size unless `fixed`.
    """
    homes = {t: group for group in groups for t in group.stores}
    found: dict[Tensor, Slice] = {}
    for whole, group in homes.items():
        node = whole.node
        if node.op is not movement.concat_op or list(group.nodes) != [node]:
            continue
        once = len(set(node.inputs)) == len(node.inputs)
        lone = once and all(list(fusion.readers[t]) == [node] for t in node.inputs)
        named = fixed or any(names_of(size) for size in whole.shape)
        if not lone or not named or any(t in fusion.outputs for t in node.inputs):
            continue
        written = [homes.get(t) for t in node.inputs]
        if all(h and h.kind == "kernel" and not h.contraction for h in written):
            found |= _side_by_side(whole)
    # A slice of a slice would have to begin at two places.
    return {t: s for t, s in found.items() if s.whole not in found}


def _side_by_side(whole: Tensor) -> dict[Tensor, Slice]:
    axis = cast(int, whole.node.attrs["axis"])
    found: dict[Tensor, Slice] = {}
    start: Size = 0
    for t in whole.node.inputs:
        found[t] = Slice(whole, axis, start)
        start = start + t.shape[axis]
    return found
