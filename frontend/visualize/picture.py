"""What a drawing shows, before anything is placed: boxes, arrows between them, frames around them.

scene.py says what is drawn, this file turns graph nodes into boxes, collapse.py makes large
pictures small; dot.py and svg.py write them. Texts are plain here; those who write them escape.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, cast

from graphc.dtypes import DType, float32
from graphc.ir.graph import topological
from graphc.ir.literal import Literal as Array
from graphc.ir.node import AttrValue, Node, Op, Tensor, TensorType
from graphc.ir.printer import regions_of
from graphc.ops import convert, leaf, movement
from graphc.provenance import Role

from .scene import Scene

Kind = Literal["input", "variable", "constant", "op", "output", "kernel", "layer"]


@dataclass(frozen=True, slots=True)
class Box:
    """One thing with its lines of text, the title first."""

    key: str
    kind: Kind
    lines: tuple[str, ...]
    tooltip: str
    role: Role = "forward"
    frame: str | None = None


@dataclass(frozen=True, slots=True)
class Arrow:
    """A tensor on its way from one box to another."""

    tail: str
    head: str
    label: str
    tooltip: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A line around boxes that belong together: one kernel, one layer."""

    key: str
    title: str
    tooltip: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is drawn; boxes come before those that they have arrows to. `framed` is what one
    frame is, `note` what people should know about the picture."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    frames: tuple[Frame, ...]
    framed: str = "kernel"
    note: str = ""


def without_lone_frames(picture: Picture) -> Picture:
    """The picture without frames around a single box, whose tooltip then says what it is."""
    count = Counter(b.frame for b in picture.boxes)
    lone = {f.key: f for f in picture.frames if count[f.key] == 1}

    def freed(box: Box) -> Box:
        if box.frame not in lone:
            return box
        return replace(box, frame=None, tooltip=f"{box.tooltip}\n{lone[box.frame].tooltip}")

    frames = tuple(f for f in picture.frames if f.key not in lone)
    return replace(picture, boxes=tuple(map(freed, picture.boxes)), frames=frames)


def picture_of(scene: Scene) -> Picture:
    """Every node as a box, without those that only broadcast or hold a single number.

    A node that no group contains is drawn in the frame of its reader, once for each.
    """
    return _Builder(scene).picture()


# ---------------------------------------------------------------------------- texts


def type_text(kind: TensorType) -> str:
    """A type for people: `batch×784`, with the dtype if it is not float32."""
    sizes = [re.sub(r"\b_\d+\b", "?", str(s)) for s in kind.shape]
    shape = "×".join(sizes) or "scalar"
    return shape if kind.dtype is float32 else f"{shape} {kind.dtype}"


def _operand(node: Node) -> str | None:
    """What stands for a node that is a single number; None for all others."""
    value = node.attrs.get("value")
    if node.op is leaf.full_op and isinstance(value, int | float):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    if node.op is leaf.constant_op and isinstance(value, Array) and value.shape == ():
        return f"{value.array.item():.6g}"
    if node.op is leaf.size_of_op:
        return re.sub(r"\b_\d+\b", "?", str(node.attrs["size"]))
    return None


def _title(node: Node, operands: list[str | None]) -> str:
    name = node.op.name
    if not any(operands):
        return name
    return f"{name}({', '.join(text or '·' for text in operands)})"


_SHOWN = ("axis", "axes", "kind", "window", "strides", "groups", "length", "dtype", "reverse")


def _details(node: Node) -> tuple[str, ...]:
    """The attributes that say most, in short lines."""
    found = []
    for name in _SHOWN:
        value = node.attrs.get(name)
        if (
            value is None
            or value is False
            or value == 1
            or (name == "dtype" and not _is_cast(node))
        ):
            continue
        if isinstance(value, tuple):
            if name in ("strides", "window") and set(value) == {1}:
                continue
            value = ("×" if name in ("strides", "window") else ", ").join(map(str, value))
        found.append(f"to {value}" if isinstance(value, DType) else f"{name} {value}"[:40])
    return tuple(found)


def _is_cast(node: Node) -> bool:
    return node.op is convert.cast_op


def _tooltip(node: Node) -> str:
    types = ", ".join(map(str, node.types))
    attrs = [f"{n} = {_short(v)}" for n, v in node.attrs.items() if n not in ("shape", "name")]
    place = f"{node.source}: {node.source.text()}" if node.source.line else ""
    bodies = [f"body of {len(r.nodes)} nodes" for r in regions_of(node)]
    return "\n".join(t for t in (f"{node.label}: {types}", *attrs, *bodies, place) if t)


def _short(value: AttrValue) -> str:
    text = "an array" if isinstance(value, Array) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


# ---------------------------------------------------------------------------- building

_LEAVES: dict[Op, Kind] = {
    leaf.placeholder_op: "input",
    leaf.parameter_op: "input",
    leaf.eager_op: "constant",
    leaf.constant_op: "constant",
    leaf.variable_op: "variable",
}


class _Builder:
    """The boxes and arrows so far. A place is a node in one frame, or in none."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        wanted = [t for _, t in (*scene.outputs, *scene.updates)]
        self.nodes = topological([*scene.inputs, *wanted])
        self.order = {node: i for i, node in enumerate(self.nodes)}
        self.roles = _roles(scene, self.nodes)
        self.homes = self._homes()
        self.boxes: dict[tuple[Node, str | None], Box] = {}
        self.arrows: dict[Arrow, None] = {}
        self.waiting: list[tuple[Node, str | None]] = []

    def picture(self) -> Picture:
        """Boxes from the outputs back to the inputs."""
        ends = [self._end("output", i, n, t) for i, (n, t) in enumerate(self.scene.outputs)]
        ends += [self._end("update", i, n, t) for i, (n, t) in enumerate(self.scene.updates)]
        for t in self.scene.inputs:
            self._box(t.node, None)
        while self.waiting:
            self._inputs_of(*self.waiting.pop())
        places = sorted(self.boxes, key=lambda place: (self.order[place[0]], place[1] or ""))
        used = Counter(frame for _, frame in places)
        boxes = tuple(self.boxes[p] for p in places)
        frames = tuple(
            Frame(g.key, g.title, g.tooltip) for g in self.scene.groups if used[g.key]
        )  # fmt: skip
        arrows = tuple(self.arrows)
        return Picture(self.scene.title, (*boxes, *ends), arrows, frames, self.scene.framed)

    def _homes(self) -> dict[Node, dict[str, None]]:
        """The frames that compute each node; a cheap one is computed in several."""
        found: dict[str, dict[str, None]] = {}
        for group in self.scene.groups:
            for label in group.labels:
                found.setdefault(label, {})[group.key] = None
        inner = (n for n in self.nodes if "leaf" not in n.op.traits)
        return {n: found[n.label] for n in inner if n.label in found}

    def _frame(self, node: Node, reader: str | None) -> str | None:
        """The frame in which a reader finds a node."""
        if node in self.homes:
            return reader if reader in self.homes[node] else next(iter(self.homes[node]))
        return None if "leaf" in node.op.traits else reader

    def _box(self, node: Node, frame: str | None) -> Box:
        place = node, frame
        if place not in self.boxes:
            self.boxes[place] = self._made(node, frame)
            self.waiting.append(place)
        return self.boxes[place]

    def _made(self, node: Node, frame: str | None) -> Box:
        kind = _LEAVES.get(node.op, "op")
        key = f"n{self.order[node]}" + (f"_{frame}" if frame else "")
        if kind == "op":
            operands = [_operand(_seen(t).node) for t in node.inputs]
            lines = (_title(node, operands), *_details(node))
        else:
            name = node.label if kind != "constant" else node.op.name
            lines = (name, type_text(node.types[0]))
        return Box(key, kind, lines, _tooltip(node), self.roles[node], frame)

    def _inputs_of(self, node: Node, frame: str | None) -> None:
        box = self.boxes[node, frame]
        for t in node.inputs:
            self._arrow(t, box, frame)

    def _arrow(self, t: Tensor, head: Box, frame: str | None) -> None:
        source = _seen(t)
        if _operand(source.node) is not None:
            return
        tail = self._box(source.node, self._frame(source.node, frame))
        tooltip = f"{source.name}: {source.type}"
        tooltip += f", broadcast to {t.type}" if t is not source else ""
        self.arrows[Arrow(tail.key, head.key, type_text(source.type), tooltip)] = None

    def _end(self, word: str, index: int, name: str, t: Tensor) -> Box:
        source = _seen(t).node
        number = _operand(source)
        lines = (f"new {name}" if word == "update" else name, type_text(t.type))
        lines = (*lines, f"= {number}") if number is not None else lines
        role = "update" if word == "update" else self.roles.get(source, "forward")
        box = Box(f"{word}{index}", "output", lines, f"{word} {name}: {t.type}", cast(Role, role))
        self._arrow(t, box, None)
        return box


def _seen(t: Tensor) -> Tensor:
    """The tensor below what only repeats elements or adds and removes axes of size 1."""
    while t.node.op is convert.broadcast_to_op or _keeps_order(t.node):
        t = t.node.inputs[0]
    return t


def _keeps_order(node: Node) -> bool:
    if node.op is not movement.reshape_op:
        return False
    before, after = (
        [s for s in x.shape if s != 1] for x in (node.inputs[0], node.types[0])
    )  # fmt: skip
    return before == after


def _roles(scene: Scene, nodes: Iterable[Node]) -> dict[Node, Role]:
    """What nodes are for. Those that are written after a gradient and only serve new values of
    variables are part of the update, whoever wrote them."""
    results = set(topological([t for _, t in scene.outputs]))
    roles: dict[Node, Role] = {}
    for node in nodes:
        role = node.source.role
        later = any(roles[t.node] != "forward" for t in node.inputs)
        roles[node] = "update" if later and role == "forward" and node not in results else role
    return roles
