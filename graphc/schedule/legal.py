"""What may be computed in one kernel, and what pays: the reasons to refuse, as sentences.

A pointwise value may be computed anywhere at the place where it is read. A reduction may be read
again at the axes it removes only if these fit into one work item. A contraction is alone with what
works on its result element by element.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from graphc.ir.node import Node
from graphc.ops import conv

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
    contraction = facts.from_contraction.get(node)
    if contraction and spot.stored and not _takes(contraction, spot, axes):
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
    if group.kind != "kernel" or not _takes(node, spot, axes):
        return "reductions and contractions do not mix"
    if node not in facts.from_contraction:
        return "its sum has an unknown length and is split"
    own, columns = axes.set(spot.place), _columns(spot, axes)
    # Behind reductions over rows, what has only columns is a total and waits for all rows.
    stores = [axes.set(p) for p in group.stores.values()]
    tiles = [p for p in stores if not (group.reductions and p <= columns)]
    if spot.wide != own or any(p != own for p in tiles):
        return "the kernel works on other axes than the result"
    return ""


def _columns(spot: Spot, axes: Axes) -> frozenset[int]:
    """The axis along which results of a contraction lie next to each other."""
    return axes.set(spot.place[-1:])


def _takes(contraction: Node, spot: Spot, axes: Axes) -> bool:
    """Whether the reductions of a group may follow the contraction: there are none, or all are over
    the rows of its result, as the sums of batch normalisation are."""
    group = spot.group
    if group.windows or group.rows:
        return False
    if not group.reductions:
        return True
    rows = axes.set(spot.place) - _columns(spot, axes)
    over = [axes.set(bound) for n, bound in group.bound.items() if kind_of(n) == "reduce"]
    plain = all("axes" in n.attrs for n in group.nodes if kind_of(n) == "reduce")
    return plain and _has_rows(contraction) and all(bound == rows for bound in over)


def _has_rows(contraction: Node) -> bool:
    """Whether all axes of the result but the last belong to one operand, read without holes."""
    attrs, (x, w) = contraction.attrs, contraction.inputs
    if not contraction.types[0].dtype.is_float:
        return False
    if contraction.op is conv.conv_op:
        whole = all(d == 1 for d in cast(tuple[int, ...], attrs["input_dilation"]))
        return whole and attrs["groups"] == attrs["batch_groups"] == 1
    contract = cast(tuple[tuple[int, ...], tuple[int, ...]], attrs["contract"])
    return attrs["batch"] == ((), ()) and w.ndim - len(contract[1]) == 1 and x.ndim > 1


def share_rows(axes: Axes, mine: frozenset[int], theirs: frozenset[int]) -> bool:
    """Whether the axes that only one of two groups has can be walked inside one work item."""
    return bool(mine & theirs) and all(
        is_row_sized(axes.size[a] for a in own) for own in (mine - theirs, theirs - mine)
    )
