"""A picture in the language of Graphviz, by the package `graphviz`, loaded when it is needed.

`clustered` leaves the layout to `dot`; `positioned` says where everything goes, for pictures with
frames: dot makes every row as wide as the picture, so that frames become long and arrows too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING

from .layout import Layout, Point, Rectangle
from .picture import Arrow, Box, Frame, Kind, Picture
from .style import FRAME, Paint, legend, paint_of

if TYPE_CHECKING:
    import graphviz

_SHAPES: dict[Kind, dict[str, str]] = {
    "input": {"shape": "ellipse", "style": "filled"},
    "variable": {"shape": "cylinder", "style": "filled"},
    "constant": {"shape": "note", "style": "filled"},
    "output": {"shape": "box", "style": "filled", "peripheries": "2"},
}


def clustered(picture: Picture) -> graphviz.Digraph:
    """The picture as a graph that `dot` can lay out and draw, with clusters for frames."""
    made = _empty(picture)
    for box in picture.boxes:
        if box.frame is None:
            made.node(box.key, **_box(box))
    for frame in picture.frames:
        inner = _graphviz().Digraph(f"cluster_{frame.key}")
        inner.attr(margin="10", **_frame(frame))
        for box in picture.boxes:
            if box.frame == frame.key:
                inner.node(box.key, **_box(box))
        made.subgraph(inner)
    for a in picture.arrows:
        made.edge(a.tail, a.head, **_arrow(a), label=plain(a.label))
    return made


def positioned(picture: Picture, at: Layout) -> graphviz.Digraph:
    """The picture with positions, for `neato -n2`; frames are nodes that lie under the others."""
    made = _empty(picture)
    for frame in picture.frames:
        here = at.frames[frame.key]
        look = {**_frame(frame), "label": ""}
        made.node(f"frame_{frame.key}", shape="box", **look, **_place(here))
        half = 6 + len(frame.title) * 2.6
        _write(made, f"title_{frame.key}", frame.title, (here.x + half, here.y + 8), "#666666")
    for box in picture.boxes:
        made.node(box.key, **_box(box), **_place(at.boxes[box.key]))
    for a in picture.arrows:
        made.edge(a.tail, a.head, pos=_spline(at.lines[a]), **_arrow(a))
    for number, (label, point) in enumerate(at.labels):
        _write(made, f"label_{number}", label, point, "#444444")
    return made


def _write(made: graphviz.Digraph, name: str, text: str, point: Point, colour: str) -> None:
    made.node(name, plain(text), shape="plaintext", style="", fontsize="8", fontcolor=colour,
              pos=f"{point[0]:.1f},{-point[1]:.1f}")  # fmt: skip


def _place(at: Rectangle) -> dict[str, str]:
    """Points, counted upwards; sizes are in inches."""
    x, y = at.x + at.width / 2, at.y + at.height / 2
    return {"pos": f"{x:.1f},{-y:.1f}", "width": f"{at.width / 72:.3f}",
            "height": f"{at.height / 72:.3f}", "fixedsize": "true"}  # fmt: skip


def _spline(points: Sequence[Point]) -> str:
    """Cubic curves that leave and enter each point straight down; the arrowhead takes the end."""
    *rest, (x, y) = points
    found = [f"{points[0][0]:.1f},{-points[0][1]:.1f}"]
    for (a, b), (c, d) in pairwise((*rest, (x, y - 5))):
        middle = -(b + d) / 2
        found += [f"{a:.1f},{middle:.1f}", f"{c:.1f},{middle:.1f}", f"{c:.1f},{-d:.1f}"]
    return f"e,{x:.1f},{-y:.1f} {' '.join(found)}"


@cache
def _graphviz() -> ModuleType:
    import graphviz

    return graphviz


def _empty(picture: Picture) -> graphviz.Digraph:
    # fmt: off
    return _graphviz().Digraph(
        graph_attr={"rankdir": "TB", "fontname": "Helvetica", "fontsize": "11", "nodesep": "0.2",
                    "ranksep": "0.35", "labelloc": "t", "labeljust": "l", "tooltip": " ",
                    "bgcolor": "white", "label": _label(picture, legend(picture))},
        node_attr={"fontname": "Helvetica", "fontsize": "11", "shape": "box",
                   "margin": "0.09,0.04", "style": "filled,rounded", "height": "0.25",
                   "width": "0.4"},
        edge_attr={"fontname": "Helvetica", "fontsize": "9", "color": "#555555",
                   "fontcolor": "#444444", "arrowsize": "0.6"},
    )
    # fmt: on


def _box(box: Box) -> dict[str, str]:
    paint = paint_of(box)
    return {
        "label": plain("\n".join(box.lines)), "tooltip": plain(box.tooltip),
        "fillcolor": paint.fill, "color": paint.line, **_SHAPES.get(box.kind, {}),
    }  # fmt: skip


def _frame(frame: Frame) -> dict[str, str]:
    return {
        "label": plain(frame.title), "tooltip": plain(frame.tooltip), "labeljust": "l",
        "style": "dashed,rounded,filled", "fillcolor": FRAME.fill, "color": FRAME.line,
        "fontcolor": "#666666", "fontsize": "10",
    }  # fmt: skip


def _arrow(a: Arrow) -> dict[str, str]:
    tooltip = plain(a.tooltip)
    return {"tooltip": tooltip, "labeltooltip": tooltip}


def plain(text: str) -> str:
    r"""Text that `dot` shows as it is: no escapes, no entities, no HTML; lines end with \n."""
    shown = _printable(text)
    for special, written in (("&", "&amp;"), ("\\", "\\\\"), ("\n", "\\n")):
        shown = shown.replace(special, written)
    return _graphviz().nohtml(shown)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


def _label(picture: Picture, entries: Sequence[tuple[str, Paint]]) -> str:
    """The title and the legend, in the HTML of Graphviz."""
    words = "".join(
        f'<TD BGCOLOR="{paint.fill}" COLOR="{paint.line}" BORDER="1">{escape(word)}</TD>'
        for word, paint in entries
    )
    rows = [f"<B>{escape(_printable(picture.title))}</B>"] if picture.title else []
    rows += [escape(picture.note)] if picture.note else []
    cells = "".join(
        f'<TR><TD ALIGN="LEFT" COLSPAN="{len(entries) or 1}">{r}</TD></TR>' for r in rows
    )
    legend_row = f"<TR>{words}</TR>" if words else "<TR><TD></TD></TR>"
    return f'<<TABLE BORDER="0" CELLSPACING="3" CELLPADDING="3">{cells}{legend_row}</TABLE>>'
