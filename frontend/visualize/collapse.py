"""Large pictures made small: frames as boxes, variables left out, chains of boxes as one, and
words in place of arrows that are so long that nobody could follow them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import networkx

from graphc.provenance import Role

from .picture import Arrow, Box, Picture

FAR = 12  # rows
LISTED = 6  # variables of one box


def collapsed(picture: Picture, most: int) -> Picture:
    """A picture of the same with about `most` boxes at most, if it has more.

    Each step but the first and the last is taken only if those before it were not enough.
    """
    if len(picture.boxes) <= most:
        return picture
    whole = len(picture.boxes)
    kernels = frames_as_boxes(picture)
    picture = with_joined_variables(kernels)
    if len(picture.boxes) > most:
        picture = without_variables(kernels)
    if len(picture.boxes) > most:
        picture = with_short_chains(picture, most)
    picture = without_far_arrows(picture)
    note = f"{whole} nodes drawn as {len(picture.boxes)} boxes; max_nodes={whole} shows all"
    return replace(picture, note=note)


def frames_as_boxes(picture: Picture) -> Picture:
    """Each frame becomes one box."""
    groups: dict[str, list[Box]] = {}
    for b in picture.boxes:
        groups.setdefault(b.frame or b.key, []).append(b)
    named = {f.key: f for f in picture.frames}
    boxes = [
        _one(key, named[key].title, named[key].tooltip, parts) if key in named else parts[0]
        for key, parts in groups.items()
    ]
    where = {b.key: key for key, parts in groups.items() for b in parts}
    return replace(picture, boxes=tuple(boxes), arrows=_moved(picture.arrows, where), frames=())


def with_joined_variables(picture: Picture) -> Picture:
    """Variables that serve one and the same kernel become one box, as do their new values."""
    home = {b.key: b.frame or b.key for b in picture.boxes}
    near: dict[str, set[str]] = {}
    for a in picture.arrows:
        near.setdefault(a.tail, set()).add(home[a.head])
        near.setdefault(a.head, set()).add(home[a.tail])
    groups: dict[tuple[object, ...], list[Box]] = {}
    for b in picture.boxes:
        alone = b.kind != "variable" and not is_new_value(b)
        key = (b.key,) if alone or len(near.get(b.key, ())) != 1 else (b.kind, *near[b.key])
        groups.setdefault(key, []).append(b)
    boxes = tuple(parts[0] if len(parts) == 1 else _listed(parts) for parts in groups.values())
    where = {b.key: parts[0].key for parts in groups.values() for b in parts}
    return replace(picture, boxes=boxes, arrows=_moved(picture.arrows, where))


def is_new_value(box: Box) -> bool:
    """Whether a box stands for the new value of a variable."""
    return box.kind == "output" and box.key.startswith("update")


def without_variables(picture: Picture) -> Picture:
    """Variables, constants and new values of variables are left out, but counted at the boxes."""
    gone = {b.key for b in picture.boxes if b.kind in ("variable", "constant")}
    ends = {b.key for b in picture.boxes if is_new_value(b)}
    read = Counter(a.head for a in picture.arrows if a.tail in gone)
    written = Counter(a.tail for a in picture.arrows if a.head in ends)

    def counted(box: Box) -> Box:
        parts = ((read[box.key], "reads"), (written[box.key], "writes"))
        words = [f"{verb} {n} variable{'s'[: n > 1]}" for n, verb in parts if n]
        return replace(box, lines=(*box.lines, ", ".join(words))) if words else box

    boxes = tuple(counted(b) for b in picture.boxes if b.key not in gone | ends)
    kept = (a for a in picture.arrows if a.tail not in gone and a.head not in ends)
    return replace(picture, boxes=boxes, arrows=tuple(kept))


def with_short_chains(picture: Picture, most: int) -> Picture:
    """Boxes of one role that follow only each other become one, as do all last boxes of a role.

    Neither makes a circle: a box with a single reader joins it, and last boxes have no readers.
    """
    chains = _Chains(picture)
    chains.join_ends()
    while len(chains.members) > most and chains.join_pairs(len(chains.members) - most):
        pass
    parts = {k: [chains.boxes[m] for m in ms] for k, ms in chains.members.items()}
    boxes = [ps[0] if len(ps) == 1 else _joined(k, ps) for k, ps in parts.items()]
    where = {m: k for k, ms in chains.members.items() for m in ms}
    return replace(picture, boxes=tuple(boxes), arrows=_moved(picture.arrows, where))


def without_far_arrows(picture: Picture) -> Picture:
    """An arrow over more than `FAR` rows becomes a line of text in the box that it leads to."""
    row = rows_of(picture)
    far = [a for a in picture.arrows if row[a.head] - row[a.tail] > FAR]
    titles = {b.key: b.lines[0] for b in picture.boxes}
    found: dict[str, list[str]] = {}
    for a in far:
        found.setdefault(a.head, []).append(titles[a.tail])

    def told(box: Box) -> Box:
        names = found.get(box.key)
        if not names:
            return box
        shown = ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
        tooltip = f"{box.tooltip}\nfrom far above: {', '.join(names)}"
        return replace(box, lines=(*box.lines, f"reads {shown}"), tooltip=tooltip)

    kept = set(picture.arrows) - set(far)
    return replace(
        picture,
        boxes=tuple(map(told, picture.boxes)),
        arrows=tuple(a for a in picture.arrows if a in kept),
    )


def rows_of(picture: Picture) -> dict[str, int]:
    """The length of the longest path to each box that has arrows; first boxes as low as can be."""
    graph = networkx.DiGraph((a.tail, a.head) for a in picture.arrows)
    rows = enumerate(networkx.topological_generations(graph))
    row = {key: i for i, keys in rows for key in keys}
    first = [key for key, i in row.items() if i == 0]
    return row | {key: min(row[k] for k in graph.successors(key)) - 1 for key in first}


@dataclass(slots=True)
class _Chains:
    """Which boxes are one by now, under the key of the first; and what follows what."""

    picture: Picture
    boxes: dict[str, Box] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    after: dict[str, set[str]] = field(default_factory=dict)
    before: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.boxes = {b.key: b for b in self.picture.boxes}
        self.members = {key: [key] for key in self.boxes}
        self.after = {key: set() for key in self.boxes}
        self.before = {key: set() for key in self.boxes}
        for a in self.picture.arrows:
            self.after[a.tail].add(a.head)
            self.before[a.head].add(a.tail)

    def join_ends(self) -> None:
        """The boxes of the update that nothing follows are one: the optimizer."""
        ends = [
            b.key for b in self.picture.boxes
            if b.role == "update" and b.kind in ("op", "kernel") and not self.after[b.key]
        ]  # fmt: skip
        for key in ends[1:]:
            self.join(ends[0], key)

    def join_pairs(self, wanted: int) -> bool:
        """Join boxes with their only follower, or only predecessor; short chains come first."""
        done: set[str] = set()
        for key in sorted(self.members, key=lambda k: len(self.members[k])):
            pair = self.pair(key) if key not in done else None
            if pair is None or done & set(pair) or wanted == len(done) // 2:
                continue
            self.join(*pair)
            done |= set(pair)
        return bool(done)

    def pair(self, key: str) -> tuple[str, str] | None:
        """A box and the one that it may be joined with, in the order of the picture."""
        if len(self.after[key]) == 1:
            (other,) = self.after[key]
            if self.alike(key, other):
                return key, other
        if len(self.before[key]) == 1:
            (other,) = self.before[key]
            if self.alike(key, other):
                return other, key
        return None

    def alike(self, a: str, b: str) -> bool:
        x, y = self.boxes[a], self.boxes[b]
        return x.role == y.role and {x.kind, y.kind} <= {"op", "kernel"}

    def join(self, a: str, b: str) -> None:
        """Make b a part of a."""
        self.members[a] += self.members.pop(b)
        for other in self.after.pop(b):
            self.before[other].discard(b)
            if other != a:
                self.before[other].add(a)
                self.after[a].add(other)
        for other in self.before.pop(b):
            self.after[other].discard(b)
            if other != a:
                self.after[other].add(a)
                self.before[a].add(other)


# ---------------------------------------------------------------------------- boxes and arrows


def _one(key: str, title: str, tooltip: str, parts: Sequence[Box]) -> Box:
    """A frame as a box: its title, and the ops in it, frequent ones first."""
    count = Counter(p.lines[0].partition("(")[0] for p in parts)
    names = [f"{n} {name}" if n > 1 else name for name, n in count.most_common(3)]
    shown = ", ".join(names) + (", ..." if len(count) > 3 else "")
    lines = (title, shown) if shown != title else (title,)
    inside = "\n".join(p.tooltip.partition("\n")[0] for p in parts[:12])
    return Box(key, "kernel", lines, f"{tooltip}\n{inside}", _main_role(parts))


def _joined(key: str, parts: Sequence[Box]) -> Box:
    """Several boxes of a chain as one: the titles of the first and the last."""
    lines = (f"{parts[0].lines[0]} ... {parts[-1].lines[0]}", f"{len(parts)} kernels")
    tooltip = "\n".join(p.tooltip.partition("\n")[0] for p in parts[:20])
    return Box(key, "kernel", lines, tooltip, _main_role(parts))


def _listed(parts: Sequence[Box]) -> Box:
    """Several variables as one box, a line for each."""
    lines = [" ".join((b.lines[0].removeprefix("new "), *b.lines[1:])) for b in parts]
    more = [f"and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    title = "new values" if is_new_value(parts[0]) else f"{len(parts)} variables"
    tooltip = "\n".join(b.tooltip.partition("\n")[0] for b in parts)
    return replace(parts[0], lines=(title, *lines[:LISTED], *more), tooltip=tooltip)


def _main_role(parts: Iterable[Box]) -> Role:
    count: Counter[Role] = Counter(p.role for p in parts)
    return count.most_common(1)[0][0]


def _moved(arrows: Iterable[Arrow], where: Mapping[str, str]) -> tuple[Arrow, ...]:
    """Arrows between boxes that became others; those of one pair become one."""
    found: dict[tuple[str, str], list[Arrow]] = {}
    for a in arrows:
        tail, head = where[a.tail], where[a.head]
        if tail != head:
            found.setdefault((tail, head), []).append(a)
    return tuple(
        Arrow(tail, head, _labels(parts), "\n".join(dict.fromkeys(p.tooltip for p in parts[:8])))
        for (tail, head), parts in found.items()
    )


def _labels(parts: Sequence[Arrow]) -> str:
    words = list(dict.fromkeys(p.label for p in parts))
    return ", ".join(words[:2]) + (", ..." if len(words) > 2 else "")
