"""`draw`: graphs, functions and models as pictures, in files or in a notebook.

scene.py -> picture.py -> collapse.py -> dot.py (with Graphviz) or layout.py and svg.py (without)
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, final

from graphc.errors import ArgumentError

from .collapse import collapsed, rows_of, with_joined_variables
from .dot import clustered, positioned
from .layout import layout
from .picture import Picture, picture_of, without_lone_frames
from .scene import Drawable, scene_of, with_kernels
from .svg import svg

if TYPE_CHECKING:
    import graphviz

FORMATS = ("svg", "png", "pdf", "dot")
LONGEST = 2000  # rows that all arrows of a picture pass, together


def draw(
    what: Drawable, path: str | Path | None = None, *, kernels: bool = True,
    max_nodes: int = 400, format: str | None = None,  # noqa: A002
) -> Drawing:  # fmt: skip
    """A picture of a tensor, nested tensors, a graph, a compiled function or a model.

    With a `path` it is written as svg, png, pdf or dot, by the end of the path or by `format`.
    Colours tell forward, backward and update; dashed lines go around what one kernel computes
    (`kernels`, for functions) or one layer (for Sequential models). Tooltips name the user's line.
    What has more than `max_nodes` nodes is drawn kernel by kernel.

    Graphviz (the program `dot`) lays out small pictures and writes png and pdf. Without it an svg
    file is written, laid out by ourselves, with the dot source beside it; a warning and the
    drawing's `note` say so.

    >>> from graphc.ops.leaf import placeholder
    >>> x = placeholder((None, 3), name="x")
    >>> draw(x * 2 + 1)
    <drawing of 4 boxes>

    Raises:
        ArgumentError: something that cannot be drawn, or a format that there is not.
    """
    drawing = Drawing(_picture(what, kernels, max_nodes))
    if path is not None:
        write(drawing, Path(path), format)
    return drawing


@final
class Drawing:
    """A picture that notebooks show and `save` writes; made by `draw`."""

    def __init__(self, picture: Picture, look: Mapping[str, str] | None = None) -> None:
        self.picture = picture
        self.note = picture.note
        # Attributes for Graphviz, which then makes the layout.
        self._look = look
        self._svg: str | None = None

    @property
    def dot(self) -> str:
        """The source for Graphviz."""
        return self.as_graph().source

    @property
    def svg(self) -> str:
        """The picture as SVG, laid out by Graphviz where that is better (`suits_dot`)."""
        if self._svg is None:
            made = self.by_graphviz("svg") if self.is_for_dot else None
            self._svg = svg(self.picture) if made is None else made.decode()
        return self._svg

    @property
    def is_for_dot(self) -> bool:
        """Whether Graphviz makes the layout, if there is one."""
        return self._look is not None or suits_dot(self.picture)

    def as_graph(self) -> graphviz.Digraph:
        """The picture for the package `graphviz`, without a layout."""
        made = clustered(self.picture)
        made.attr(**(self._look or {}))
        return made

    def save(self, path: str | Path, format: str | None = None) -> Path:  # noqa: A002
        """Write the picture; the file that was written, whose name has the end of its format."""
        return _written(self, Path(path), format)

    def by_graphviz(self, kind: str) -> bytes | None:
        """The picture in a format, or None without Graphviz."""
        if shutil.which("dot") is None:
            return None
        if self.is_for_dot:
            return self.as_graph().pipe(format=kind, quiet=True)
        graph = positioned(self.picture, layout(self.picture))
        graph.engine = "neato"
        return graph.pipe(format=kind, neato_no_op=2, quiet=True)

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<drawing of {len(self.picture.boxes)} boxes>"


def suits_dot(picture: Picture) -> bool:
    """Whether `dot` makes the better layout: it stretches frames, and long arrows take it hours."""
    row = rows_of(picture)
    passed = sum(row[a.head] - row[a.tail] for a in picture.arrows)
    return not picture.frames and passed <= LONGEST


def _picture(what: Drawable, kernels: bool, max_nodes: int) -> Picture:
    if max_nodes < 1:
        raise ArgumentError("max_nodes is a positive number", received=max_nodes)
    scene = scene_of(what, kernels)
    picture = picture_of(scene)
    if len(picture.boxes) > max_nodes and not scene.groups:
        picture = picture_of(with_kernels(scene))
    if len(picture.boxes) > max_nodes:
        return collapsed(picture, max_nodes)
    picture = without_lone_frames(picture)
    has_kernels = scene.groups and scene.framed == "kernel"
    return with_joined_variables(picture) if has_kernels else picture


def write(drawing: Drawing, path: Path, wanted: str | None) -> Drawing:
    """Write a drawing, and answer it."""
    _written(drawing, path, wanted)
    return drawing


def _written(drawing: Drawing, path: Path, wanted: str | None) -> Path:
    target, kind = _target(path, wanted)
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "dot" or (kind == "svg" and not drawing.is_for_dot):
        target.write_text(drawing.dot if kind == "dot" else drawing.svg, encoding="utf-8")
        return target
    if (made := drawing.by_graphviz(kind)) is not None:
        target.write_bytes(made)
        return target
    target, source = target.with_suffix(".svg"), target.with_suffix(".dot")
    target.write_text(drawing.svg, encoding="utf-8")
    source.write_text(drawing.dot, encoding="utf-8")
    drawing.note = f"Graphviz (dot) is not installed: wrote {target} and its source {source}"
    warnings.warn(drawing.note, stacklevel=4)
    return target


def _target(path: Path, wanted: str | None) -> tuple[Path, str]:
    """The file to write, and its format."""
    end = path.suffix.removeprefix(".").lower()
    kind = (wanted or end or "svg").lower()
    if kind not in FORMATS:
        raise ArgumentError("no such format", received=kind, expected=", ".join(FORMATS))
    return (path if end == kind else path.with_name(f"{path.name}.{kind}")), kind
