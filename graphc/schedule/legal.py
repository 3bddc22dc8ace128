"""What may be computed in one kernel, and what pays: the reasons to refuse, as sentences.

A pointwise value may be computed anywhere at the place where it is read. A reduction may be read
again at the axes it removes only if these fit into one work item. A contraction is alone with what
works on its result element by element.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.node import Node

from . import classify
from .classify import SMALL, Facts, elements, is_row_sized, kind_of
from .group import Axes, Group, Place


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """Where a node would be computed: the place in a group, `wide`, all axes of points that depend
    on it there, and whether its value is also stored."""

    group: Group
    place: Place
    wide: frozenset[int]
    stored: bool


def refusal(node: Node, spot: Spot, axes: Axes, facts: Facts) -> str:
    """Why a node cannot join a group at a spot, or an empty text."""
    match kind_of(node):
        case "point" | "gather":
            return _point(node, spot, axes, facts)
        case "window":
            return "windows and contractions do not mix" if spot.group.contraction else ""
        case "reduce":
            return _reduction(node, spot, axes)
        case _:
            return _contraction(node, spot, axes, facts)


def _point(node: Node, spot: Spot, axes: Axes, facts: Facts) -> str:
    reduces = spot.group.reductions or spot.group.windows
    if node in facts.from_contraction and spot.stored and reduces:
        return "it ends a contraction, which cannot be in a kernel with reductions"
    work = elements(axes.size[a] for a in spot.wide)
    mine = elements(axes.size[a] for a in axes.set(spot.place))
    if mine * SMALL <= work and node not in facts.from_row:
        return "it is much smaller than the work that reads it"
    return ""


def _reduction(node: Node, spot: Spot, axes: Axes) -> str:
    if spot.group.contraction is not None:
        return "reductions and contractions do not mix"
    back = spot.wide - axes.set(spot.place)
    if not back:
        return ""
    sizes = classify.reduced_sizes(node)
    if not is_row_sized(sizes) or not is_row_sized(axes.size[a] for a in back):
        return "its result is read again at axes that do not fit into one work item"
    rows = frozenset(map(axes.find, spot.group.rows))
    if rows and not (back <= rows or rows <= back):
        return "rows along other axes are already in the kernel"
    return ""


def _contraction(node: Node, spot: Spot, axes: Axes, facts: Facts) -> str:
    group = spot.group
    if group.contraction is not None:
        return "one contraction per kernel"
    if group.reductions or group.windows or group.kind != "kernel":
        return "reductions and contractions do not mix"
    if node not in facts.from_contraction:
        return "its sum has an unknown length and is split"
    own = axes.set(spot.place)
    if spot.wide != own or any(axes.set(p) != own for p in group.stores.values()):
        return "the kernel works on other axes than the result"
    return ""


def share_rows(axes: Axes, mine: frozenset[int], theirs: frozenset[int]) -> bool:
    """Whether the axes that only one of two groups has can be walked inside one work item."""
    return bool(mine & theirs) and all(
        is_row_sized(axes.size[a] for a in own) for own in (mine - theirs, theirs - mine)
    )
