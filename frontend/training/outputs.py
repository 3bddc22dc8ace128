"""What is said of the outputs of a model, such as losses and targets, as one entry per output.

A model may have one output, or nested lists and dicts of them. Entries are given for all of them
at once, in a list by position, in a dict by name, or nested as the outputs are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves

Given = object


@final
@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of a model, as they are nested, and what each is called.

    >>> from graphc.ops.leaf import placeholder
    >>> a, b = (placeholder((None, 2)) for _ in range(2))
    >>> Outputs({"b": b, "a": a}, ()).names, Outputs([a, b], ("x", "y")).names
    (('a', 'b'), ('x', 'y'))
    """

    form: Tree[Tensor]
    given_names: Sequence[str]

    @property
    def flat(self) -> list[Tensor]:
        """The outputs in order."""
        return leaves(self.form)

    @property
    def names(self) -> tuple[str | None, ...]:
        """Keys of dicts on the way to each output, or the names that the model gives them."""
        paths = ["/".join(path) for path in _paths(self.form)]
        if all(paths):
            return tuple(paths)
        count = len(paths)
        return tuple(self.given_names) if len(self.given_names) == count else (None,) * count


@final
@dataclass(frozen=True, slots=True)
class Spread:
    """Distributes what is given under an argument `what` over outputs.

    `is_entry` says what is one entry; where there is only one output, a list is its entry, too.
    """

    what: str
    outputs: Outputs
    is_entry: Callable[[Given], bool]

    def __call__(self, given: Given, *, all_alike: bool = True) -> list[object]:
        """One entry per output; None for outputs of which nothing is said.

        Raises:
            ArgumentError: something that does not fit the outputs.
        """
        count = len(self.outputs.flat)
        if given is None:
            return [None] * count
        if self.is_entry(given):
            if count > 1 and not all_alike:
                raise self._wrong(given)
            return [given] * count
        if count == 1 and isinstance(given, list | tuple):
            return [[e for entry in given for e in self._listed(entry)]]
        names = self.outputs.names
        if isinstance(given, Mapping) and None not in names and set(given) <= set(names):
            return [given.get(name) for name in names]
        return self._spread(given, self.outputs.form)

    def _spread(self, given: Given, form: Tree[Tensor]) -> list[object]:
        flat = leaves(form)
        if given is None or self.is_entry(given) or isinstance(form, Tensor):
            if isinstance(given, Mapping) and not self.is_entry(given):
                raise self._wrong(given)
            return [given] * len(flat)
        if isinstance(given, Mapping) and isinstance(form, dict) and set(given) <= set(form):
            return [e for key in sorted(form) for e in self._spread(given.get(key), form[key])]
        if isinstance(given, list | tuple):
            if isinstance(form, list | tuple) and len(form) == len(given):
                return [e for entry, f in zip(given, form) for e in self._spread(entry, f)]
            if len(given) == len(flat):
                return list(given)
        raise self._wrong(given)

    def _listed(self, given: Given) -> list[Given]:
        if isinstance(given, list | tuple) and not self.is_entry(given):
            return [e for entry in given for e in self._listed(entry)]
        return [given]

    def _wrong(self, given: Given) -> ArgumentError:
        count, names = len(self.outputs.flat), [n for n in self.outputs.names if n is not None]
        return ArgumentError(
            f"`{self.what}` does not fit the outputs of the model",
            received=_shape_of(given),
            expected=f"{count} entries" + (f", or a dict with {', '.join(names)}" if names else ""),
        )


def _paths(form: Tree[Tensor]) -> list[tuple[str, ...]]:
    """The keys on the way to each leaf."""
    if isinstance(form, dict):
        return [(str(key), *path) for key in sorted(form) for path in _paths(form[key])]
    if isinstance(form, tuple | list):
        return [path for entry in form for path in _paths(entry)]
    return [()] if form is not None else []


def _shape_of(given: Given) -> str:
    if isinstance(given, Mapping):
        return f"a dict with {', '.join(map(str, given))}"
    if isinstance(given, list | tuple):
        return f"{len(given)} entries"
    return repr(given)
