"""Colours, shapes and the legend: what both ways of drawing share."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.provenance import Role

from .picture import Box, Picture

FONT = "Helvetica, Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Paint:
    """The colours of a box."""

    fill: str
    line: str


# fmt: off
ROLES: dict[Role, Paint] = {
    "forward":  Paint("#dceafb", "#2f6db3"),
    "backward": Paint("#fde2c8", "#c05f10"),
    "update":   Paint("#d9f0d6", "#3c8a36"),
}
INPUT    = Paint("#ffffff", "#333333")
VARIABLE = Paint("#fff3bf", "#98790c")
CONSTANT = Paint("#eeeeee", "#777777")
FRAME    = Paint("#f6f6fa", "#8a8aa8")
# fmt: on


def paint_of(box: Box) -> Paint:
    """Fixed colours for what is given, those of its role for what is computed."""
    match box.kind:
        case "input":
            return INPUT
        case "variable":
            return VARIABLE
        case "constant":
            return CONSTANT
        case _:
            return ROLES[box.role]


def legend(picture: Picture) -> list[tuple[str, Paint]]:
    """What the colours in a picture mean, without those that it does not have."""
    computed = {b.role for b in picture.boxes if b.kind in ("op", "kernel", "output")}
    found = [(role, paint) for role, paint in ROLES.items() if role in computed]
    kinds = {b.kind for b in picture.boxes}
    given = (("input", INPUT), ("variable", VARIABLE), ("constant", CONSTANT))
    found += [(kind, paint) for kind, paint in given if kind in kinds]
    if picture.frames:
        found.append((picture.framed, FRAME))
    return found
