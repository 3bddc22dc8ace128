"""Calls of layers on symbolic tensors, from which a model can be read off its outputs.

What a layer answers outside of any other layer is labelled: a tensor of its own that leads back to
the call. Compiled functions know no labels, so programs that use layers as plain functions pay
nothing for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from graphc.errors import ModeError
from graphc.ir.node import Node, Tensor
from graphc.ir.tree import Tree, leaves, like, tree_map
from graphc.ops import control

from . import masks

if TYPE_CHECKING:
    from .layer import Layer


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call: the layer, and what it was given besides `training`."""

    layer: Layer
    arguments: tuple[object, ...]
    options: Mapping[str, object]


class Connection:
    """A call and its labelled results, which live as long as anybody else needs them."""

    def __init__(self, call: Call, result: Tree[Tensor]) -> None:
        self.call = call
        self._form = tree_map(lambda t: 0, result)
        self._results = [ref(t) for t in leaves(result)]

    @property
    def result(self) -> Tree[Tensor]:
        """The results, as the layer answered them."""
        found = [r() for r in self._results]
        if any(t is None for t in found):
            raise ModeError(f"nothing that uses the output of {self.call.layer.name} is left")
        return like(self._form, found)  # pyright: ignore[reportReturnType]


_calls: WeakKeyDictionary[Node, tuple[Call, int]] = WeakKeyDictionary()


def remembered(call: Call, result: Tree[Tensor]) -> Tree[Tensor]:
    """The results of a call, labelled with it; values of eager mode stay as they are."""
    flat = leaves(result)
    if not flat or any(t.concrete() is not None for t in flat):
        return result
    position = iter(range(len(flat)))
    labelled = tree_map(lambda t: _labelled(call, t, next(position)), result)
    call.layer.symbolic_calls.append(Connection(call, labelled))
    return labelled


def call_of(node: Node) -> tuple[Call, int] | None:
    """The call that made the output of a node, and which of its outputs it is."""
    return _calls.get(node)


def only(layer: Layer) -> Connection:
    """The one symbolic call of a layer.

    Raises:
        ModeError: there is none, or there are several.
    """
    if len(layer.symbolic_calls) != 1:
        raise ModeError(
            f"{layer.name} has been called on {len(layer.symbolic_calls)} symbolic inputs, not on one",
            fix="build the model first, with an Input or an input_shape"
            if not layer.symbolic_calls
            else "name the tensors themselves",
        )
    return layer.symbolic_calls[0]


def _labelled(call: Call, result: Tensor, position: int) -> Tensor:
    fresh = control.label(result, call.layer.name)
    _calls[fresh.node] = call, position
    masks.set_mask(fresh, masks.mask_of(result))
    return fresh
