"""Where everything of a picture goes, when there is no `dot` to work it out.

Each frame is laid out by itself, with points at its edges where arrows come in and go out; then
frames and free boxes are laid out together. The rows are made in layers.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .layers import Edge, Placed, Size, Space, place
from .picture import Arrow, Box, Picture

LETTER = 6.1  # the mean width of a letter of 11 pixels, a little too wide rather than too narrow
SMALL = 5.0  # the same for labels of arrows
LINE = 14.0
MARGIN = 12.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle by its left upper corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Rectangles of boxes and frames, the line of each arrow, labels, and the size of it all.

    There is one label for all arrows of a tensor, where they leave its box.
    """

    boxes: Mapping[str, Rectangle]
    frames: Mapping[str, Rectangle]
    lines: Mapping[Arrow, tuple[Point, ...]]
    labels: tuple[tuple[str, Point], ...]
    width: float
    height: float


def layout(picture: Picture) -> Layout:
    """Positions for a whole picture."""
    return _Layouter(picture).layout()


def size_of(box: Box) -> Size:
    """Room for the lines of text of a box."""
    longest = max(map(len, box.lines))
    padding = 26.0 if box.kind in ("input", "variable", "output") else 14.0
    return Size(max(longest * LETTER + padding, 34.0), len(box.lines) * LINE + 8.0)


class _Layouter:
    """Frames one by one, then everything together; `room` is a box with the label below it."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.sizes = {b.key: size_of(b) for b in picture.boxes}
        self.room = dict(self.sizes)
        for a in picture.arrows:
            size = self.room[a.tail]
            self.room[a.tail] = Size(max(size.width, len(a.label) * SMALL), size.height)
        self.frame = {b.key: b.frame for b in picture.boxes}
        self.titles = {f.key: f.title for f in picture.frames}
        self.inner: dict[str, Placed] = {}

    def layout(self) -> Layout:
        """From the inside out, then absolute positions."""
        for f in self.picture.frames:
            self.inner[f.key] = self._inside(f.key)
        outer = self._outside()
        frames = {f.key: self._framed(f.key, outer) for f in self.picture.frames}
        boxes = {b.key: self._boxed(b, outer, frames) for b in self.picture.boxes}
        lines = {a: self._line(a, outer, frames, boxes) for a in self.picture.arrows}
        labels = {(a.tail, a.label): lines[a][0] for a in reversed(self.picture.arrows)}
        texts = tuple((text, (x, y + 8)) for (_, text), (x, y) in labels.items())
        return Layout(boxes, frames, lines, texts, outer.width, outer.height)

    def item(self, key: str) -> str:
        """What a box is for the whole: its frame, or itself."""
        return self.frame[key] or key

    def _inside(self, frame: str) -> Placed:
        keys = [k for k, f in self.frame.items() if f == frame]
        edges = list(self._edges_inside(frame))
        ports_in = frozenset(a for a, _ in edges if a.startswith("<"))
        ports_out = frozenset(b for _, b in edges if b.startswith(">"))
        sizes = {k: self.room[k] for k in keys}
        sizes |= dict.fromkeys(sorted(ports_in | ports_out), Size(2.0, 0.0))
        return place(sizes, edges, Space(14.0, 22.0), ports_in, ports_out)

    def _edges_inside(self, frame: str) -> Iterable[Edge]:
        for a in self.picture.arrows:
            tail, head = self.frame[a.tail] == frame, self.frame[a.head] == frame
            if tail and head:
                yield a.tail, a.head
            elif tail:
                yield a.tail, ">" + a.tail
            elif head:
                yield "<" + a.tail, a.head

    def _outside(self) -> Placed:
        sizes: dict[str, Size] = {}
        for b in self.picture.boxes:
            if b.frame is None:
                sizes[b.key] = self.room[b.key]
            elif b.frame not in sizes:
                sizes[b.frame] = self._around(b.frame)
        edges = ((self.item(a.tail), self.item(a.head)) for a in self.picture.arrows)
        return place(sizes, edges, Space(22.0, 34.0))

    def _around(self, frame: str) -> Size:
        inner = self.inner[frame]
        width = max(inner.width, len(self.titles[frame]) * LETTER)
        above, below = self._padding(frame)
        return Size(width + 2 * MARGIN, above + inner.height + below)

    def _padding(self, frame: str) -> tuple[float, float]:
        """Room above and below; where arrows come in or go out, there is a free row already."""
        ports = [k[0] for k in self.inner[frame].centres if k[0] in "<>"]
        return (2.0 if "<" in ports else 18.0), (0.0 if ">" in ports else MARGIN)

    # ---- absolute positions

    def _framed(self, key: str, outer: Placed) -> Rectangle:
        x, y = outer.centres[key]
        size = self._around(key)
        return Rectangle(x - size.width / 2, y - size.height / 2, size.width, size.height)

    def _inner_point(self, frame: str, point: Point, frames: Mapping[str, Rectangle]) -> Point:
        around, inner = frames[frame], self.inner[frame]
        left = around.x + (around.width - inner.width) / 2
        return left + point[0], around.y + self._padding(frame)[0] + point[1]

    def _boxed(self, b: Box, outer: Placed, frames: Mapping[str, Rectangle]) -> Rectangle:
        if b.frame is None:
            x, y = outer.centres[b.key]
        else:
            x, y = self._inner_point(b.frame, self.inner[b.frame].centres[b.key], frames)
        size = self.sizes[b.key]
        return Rectangle(x - size.width / 2, y - size.height / 2, size.width, size.height)

    def _line(
        self, a: Arrow, outer: Placed, frames: Mapping[str, Rectangle],
        boxes: Mapping[str, Rectangle],
    ) -> tuple[Point, ...]:  # fmt: skip
        tail, head = boxes[a.tail], boxes[a.head]
        points: list[Point] = [(tail.x + tail.width / 2, tail.y + tail.height)]
        source, target = self.frame[a.tail], self.frame[a.head]
        if source is not None and source == target:
            points += self._passing(source, (a.tail, a.head), frames)
        else:
            if source is not None:
                points += self._passing(source, (a.tail, ">" + a.tail), frames)
                points.append(self._port(source, ">" + a.tail, frames))
            points += outer.bends.get((self.item(a.tail), self.item(a.head)), ())
            if target is not None:
                points.append(self._port(target, "<" + a.tail, frames))
                points += self._passing(target, ("<" + a.tail, a.head), frames)
        return (*points, (head.x + head.width / 2, head.y))

    def _passing(self, frame: str, edge: Edge, frames: Mapping[str, Rectangle]) -> list[Point]:
        return [self._inner_point(frame, p, frames) for p in self.inner[frame].bends[edge]]

    def _port(self, frame: str, name: str, frames: Mapping[str, Rectangle]) -> Point:
        """Where an arrow crosses the upper or lower line of a frame."""
        x, _ = self._inner_point(frame, self.inner[frame].centres[name], frames)
        around = frames[frame]
        return x, around.y if name.startswith("<") else around.y + around.height
