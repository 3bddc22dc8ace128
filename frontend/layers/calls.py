"""Calls of layers on symbolic tensors, from which a model can be read off its outputs.

What a layer answers outside of any other layer is labelled: a tensor of its own that leads back to
the call. Compiled functions know no labels, so programs that use layers as plain functions pay
nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from graphc.errors import ModeError
from graphc.frontend import effects
from graphc.frontend.masks import mask_of, set_mask
from graphc.frontend.notes import Notes
from graphc.ir.graph import topological
from graphc.ir.node import Node, Tensor
from graphc.ir.tree import Tree, leaves, like, tree_map
from graphc.ops import control
from graphc.ops.leaf import placeholder_op

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
            raise ModeError(f"nothing uses the output of {self.call.layer.name} any more")
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
    """The call whose output a node is, and which of its outputs."""
    return _calls.get(node)


def only(layer: Layer) -> Connection:
    """The one symbolic call of a layer.

    Raises:
        ModeError: there is none, or there are several.
    """
    count = len(layer.symbolic_calls)
    if count != 1:
        raise ModeError(
            f"{layer.name} has been called on {count} symbolic inputs, not on one",
            fix="call it once on an Input, or give the model an input_shape",
        )
    return layer.symbolic_calls[0]


_declared = Notes[bool]()


def declare_input(tensor: Tensor) -> Tensor:
    """Mark a placeholder as an `Input`, from which models are made."""
    _declared.set(tensor, True)
    return tensor


def without_effects(
    call: Callable[..., Tensor], given: tuple[object, ...], options: Mapping[str, object]
) -> Tensor:
    """A call on symbolic tensors; on `Input`s it changes nothing, for the model will do it again.

    Raises:
        ModeError: it changes variables, and nobody collects the changes of calls on placeholders.
    """
    if effects.collected() is not None:
        return call(*given, **options)
    with effects.collecting_effects() as found:
        result = call(*given, **options)
    if found.updates and not _from_inputs(result):
        for variable, value in found.updates.items():
            effects.update(variable, value)
    return result


def _from_inputs(tensors: Tree[Tensor]) -> bool:
    """Whether all placeholders under the tensors are `Input`s."""
    below = topological(leaves(tensors))
    begin = [n.output() for n in below if n.op is placeholder_op]
    return all(_declared.get(t) for t in begin)


def _labelled(call: Call, result: Tensor, position: int) -> Tensor:
    fresh = control.label(result, call.layer.name)
    _calls[fresh.node] = call, position
    if (mask := mask_of(result)) is not None:
        set_mask(fresh, mask)
    return fresh
