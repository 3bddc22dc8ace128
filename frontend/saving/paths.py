"""What a model holds by path: `layers/dense_1/kernel`, `encoder/cell/bias`.

A path is made of attribute names and keys of dicts; a layer in a list is called like its class,
with a number from the second on. So it depends on the structure alone, never on what else the
process has made, and programs that make the same model in another process find the same paths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from graphc.frontend.layers.members import Holder, Memory, held_by
from graphc.frontend.naming import snake_case
from graphc.frontend.seeds import SeedGenerator
from graphc.ops.variable import Variable

if TYPE_CHECKING:
    from graphc.frontend.layers.layer import Layer

Member = Variable | Holder | SeedGenerator | Memory


def weights_by_path(layer: Layer) -> dict[str, Variable]:
    """All weights, each under the first of its paths."""
    found: dict[str, Variable] = {}
    seen: set[Variable] = set()
    for path, member in _walk(layer):
        if isinstance(member, Variable) and member not in seen:
            seen.add(member)
            found[path] = member
    return found


def generators_by_path(layer: Layer) -> dict[str, SeedGenerator]:
    """The sequences of random keys."""
    return {p: member for p, member in _walk(layer) if isinstance(member, SeedGenerator)}


def memory_by_path(layer: Layer) -> dict[str, Variable]:
    """What layers keep from one call to the next."""
    return {
        f"{path}/{number}": state
        for path, member in _walk(layer)
        if isinstance(member, Memory)
        for number, state in enumerate(member.states)
    }


def layers_by_path(layer: Layer) -> dict[str, Layer]:
    """The layer itself under "", and all layers in it, each under the first of its paths."""
    inside = {path: cast("Layer", m) for path, m in _walk(layer) if isinstance(m, Holder)}
    return {"": layer, **inside}


def _walk(layer: Holder) -> Iterator[tuple[str, Member]]:
    """All members with their paths, layers before what they hold; each layer once."""
    yield from _inside("", layer, {layer})


def _inside(path: str, layer: Holder, seen: set[Holder]) -> Iterator[tuple[str, Member]]:
    names = layer.names_in_files()
    for name, value in held_by(layer).items():
        own = _joined(path, names.get(name, name))
        for place, member in _members(own, value):
            if not isinstance(member, Holder):
                yield place, member
            elif member not in seen:
                seen.add(member)
                yield place, member
                yield from _inside(place, member, seen)


def _members(path: str, value: object) -> Iterator[tuple[str, Member]]:
    """What an attribute of this path holds that matters here."""
    if isinstance(value, Variable | Holder | SeedGenerator | Memory):
        yield path, value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _members(_joined(path, str(key)), entry)
    elif isinstance(value, tuple | list):
        yield from _entries(path, value)


def _entries(path: str, values: Sequence[object]) -> Iterator[tuple[str, Member]]:
    """The same for a list: entries are called like their kind, from the second on with a number."""
    used: Counter[str] = Counter()
    for value in values:
        name = _kind(value)
        number = used[name]
        used[name] += 1
        yield from _members(f"{path}/{name}_{number}" if number else f"{path}/{name}", value)


def _joined(path: str, name: str) -> str:
    return f"{path}/{name}".strip("/")


def _kind(value: object) -> str:
    if isinstance(value, Holder):
        return snake_case(value.name_of_kind())
    return "variable" if isinstance(value, Variable) else "container"
