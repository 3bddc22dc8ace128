"""A picture as SVG text, with our own layout: what is written where there is no `dot`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from .layout import LINE, Layout, Point, Rectangle, layout
from .picture import Arrow, Box, Frame, Picture
from .style import FONT, FRAME, Paint, legend, paint_of

EDGE = 16.0  # around the whole picture


def svg(picture: Picture) -> str:
    """The whole picture."""
    placed = layout(picture)
    entries = legend(picture)
    across = max(placed.width, 90.0 * len(entries), 6.5 * len(picture.title + picture.note))
    head = LINE * (bool(picture.title) + bool(picture.note))
    width, height = across + 2 * EDGE, placed.height + head + 3 * EDGE + LINE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONT}" font-size="11">',
        f'<defs>{_ARROWHEAD}</defs><rect width="100%" height="100%" fill="white"/>',
        f'<text x="{EDGE}" y="{EDGE + 6}" font-size="13" font-weight="bold">'
        f"{_text(picture.title)}</text>",
        f'<text x="{EDGE}" y="{EDGE + 20}" fill="#555">{_text(picture.note)}</text>',
        f'<g transform="translate({EDGE + (across - placed.width) / 2:.1f} {EDGE + head})">',
        *(_frame(f, placed.frames[f.key]) for f in picture.frames),
        *_arrows(picture.arrows, placed),
        *(_box(b, placed.boxes[b.key]) for b in picture.boxes),
        "</g>",
        *_legend(entries, height - EDGE - LINE),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


_ARROWHEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="6" markerHeight="6"'
    ' orient="auto"><path d="M0 0.8 L8 4 L0 7.2 z" fill="#555"/></marker>'
)


def _text(text: str) -> str:
    """Text for XML, which has no place for control characters."""
    return escape("".join(c if c.isprintable() or c == "\n" else "�" for c in text))


# ---------------------------------------------------------------------------- parts


def _frame(frame: Frame, at: Rectangle) -> str:
    return (
        f"<g><title>{_text(frame.tooltip)}</title>"
        f'<rect x="{at.x:.1f}" y="{at.y:.1f}" width="{at.width:.1f}" height="{at.height:.1f}"'
        f' rx="6" fill="{FRAME.fill}" stroke="{FRAME.line}" stroke-dasharray="4 3"/>'
        f'<text x="{at.x + 6:.1f}" y="{at.y + 12:.1f}" font-size="10" fill="#666">'
        f"{_text(frame.title)}</text></g>"
    )


def _box(box: Box, at: Rectangle) -> str:
    x = at.x + at.width / 2
    first = at.y + at.height / 2 - LINE * (len(box.lines) - 1) / 2 + 4
    lines = [
        f'<text x="{x:.1f}" y="{first + n * LINE:.1f}" text-anchor="middle"'
        f"{'' if n else _bold(box)}>{_text(line)}</text>"
        for n, line in enumerate(box.lines)
    ]
    shape = _shape(box, at, paint_of(box))
    return f"<g><title>{_text(box.tooltip)}</title>{shape}{''.join(lines)}</g>"


def _bold(box: Box) -> str:
    return ' font-weight="bold"' if box.kind in ("input", "variable", "output") else ""


def _shape(box: Box, at: Rectangle, paint: Paint) -> str:
    """Inputs are round, variables are barrels, outputs have two lines around them."""
    colours = f'fill="{paint.fill}" stroke="{paint.line}"'
    match box.kind:
        case "input":
            return _rectangle(at, at.height / 2, f'{colours} stroke-width="1.5"')
        case "variable":
            return _barrel(at, colours)
        case "output":
            inner = Rectangle(at.x + 3, at.y + 3, at.width - 6, at.height - 6)
            line = f'fill="none" stroke="{paint.line}"'
            return _rectangle(at, 4, colours) + _rectangle(inner, 2, line)
        case "constant":
            return _rectangle(at, 0, colours)
        case _:
            return _rectangle(at, 5, colours)


def _rectangle(at: Rectangle, radius: float, colours: str) -> str:
    return (
        f'<rect x="{at.x:.1f}" y="{at.y:.1f}" width="{at.width:.1f}" height="{at.height:.1f}"'
        f' rx="{radius:.0f}" {colours}/>'
    )


def _barrel(at: Rectangle, colours: str) -> str:
    top, bottom, half = at.y + 3, at.y + at.height - 3, at.width / 2
    arc = f"a{half:.1f} 3 0 0"
    return (
        f'<path d="M{at.x:.1f} {top:.1f} V{bottom:.1f} {arc} 0 {at.width:.1f} 0'
        f' V{top:.1f} {arc} 0 {-at.width:.1f} 0 {arc} 0 {at.width:.1f} 0" {colours}/>'
    )


# ---------------------------------------------------------------------------- arrows


def _arrows(arrows: Sequence[Arrow], placed: Layout) -> Iterator[str]:
    """All lines, then the labels, which hide the lines under them."""
    for a in arrows:
        line = f'd="{_curve(placed.lines[a])}" fill="none" stroke="#555" marker-end="url(#head)"'
        yield f"<g><title>{_text(a.tooltip)}</title><path {line}/></g>"
    for label, (x, y) in placed.labels:
        shown = f'x="{x:.1f}" y="{y + 3:.1f}" font-size="9" text-anchor="middle"'
        yield f'<text {shown} stroke="white" stroke-width="3">{_text(label)}</text>'
        yield f'<text {shown} fill="#444">{_text(label)}</text>'


def _curve(points: Sequence[Point]) -> str:
    """Straight down through rows, bent between them."""
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x, y), (u, v) in pairwise(points):
        middle = (y + v) / 2
        bent = f"C{x:.1f} {middle:.1f} {u:.1f} {middle:.1f} {u:.1f} {v:.1f}"
        parts.append(bent if abs(x - u) > 0.5 else f"L{u:.1f} {v:.1f}")
    return " ".join(parts)


def _legend(entries: Sequence[tuple[str, Paint]], y: float) -> Iterator[str]:
    for n, (word, paint) in enumerate(entries):
        x = EDGE + 90 * n
        colours = f'fill="{paint.fill}" stroke="{paint.line}"'
        yield f'<rect x="{x}" y="{y:.1f}" width="14" height="12" rx="2" {colours}/>'
        yield f'<text x="{x + 20}" y="{y + 10:.1f}">{_text(word)}</text>'
