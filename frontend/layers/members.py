"""What a layer holds: weights, other layers and random seeds.

They are what its attributes hold, directly or in lists, tuples and dicts. Nothing is registered:
whatever `build` or `__init__` stored under `self` is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from graphc.errors import ArgumentError
from graphc.frontend import constraints, initializers, regularizers
from graphc.frontend.metrics import Metric
from graphc.frontend.seeds import SeedGenerator
from graphc.ir.node import Tensor
from graphc.ops.variable import Variable

if TYPE_CHECKING:
    from .layer import Layer


@dataclass(frozen=True, slots=True)
class Rules:
    """How a weight begins, what is added to the loss for it, and what it must fulfil."""

    initializer: initializers.Initializer
    regularizer: regularizers.Regularizer | None
    constraint: constraints.Constraint | None


@dataclass(slots=True)
class WeightRules:
    """Penalties of a layer's own weights; rules of those that are to be made."""

    regularizers: dict[Variable, regularizers.Regularizer] = field(default_factory=dict)
    declared: dict[str, Rules] = field(default_factory=dict)


@dataclass(slots=True)
class Past:
    """What a layer remembers of its calls: whether there were any, and what the last eager one
    added to the loss.
    """

    called: bool = False
    losses: list[Tensor] = field(default_factory=list)


@dataclass(slots=True)
class Memory:
    """Variables that are no weights: what a layer keeps from one call to the next."""

    states: list[Variable] = field(default_factory=list)


class Holder:
    """The weights of a layer and of the layers in it; the base of `Layer`."""

    built = False
    # Whether training changes the weights; what is said of a layer is said of all layers in it.
    _trainable = True
    # Defaults of the class show that a subclass forgot super().__init__().
    _name: str | None = None

    @property
    def name(self) -> str:
        """The layer's name, such as dense_1."""
        return self._name or type(self).__name__

    def name_of_kind(self) -> str:
        """What configurations call the class of the layer."""
        return type(self).__name__

    def names_in_files(self) -> dict[str, str]:
        """Attributes that paths of weights call otherwise; "" leaves the name out."""
        return {}

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; setting it sets it for all layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for part in parts_of(self):
            part._trainable = bool(value)

    @property
    def sublayers(self) -> list[Layer]:
        """The layers that attributes hold."""
        found = [m for m in _held(self) if isinstance(m, Holder)]
        return cast("list[Layer]", list(dict.fromkeys(found)))

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that attributes hold, also those of the layers inside."""
        found = [m for part in parts_of(self) for m in _held(part) if isinstance(m, Metric)]
        return list(dict.fromkeys(found))

    @property
    def metrics_variables(self) -> list[Variable]:
        """What the metrics remember."""
        return [v for metric in self.metrics for v in metric.variables]

    @property
    def weights(self) -> list[Variable]:
        """All weights, in the order in which attributes hold them."""
        return list(dict.fromkeys(_weights(self, set())))

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes; none while `trainable` is False."""
        frozen = self._frozen()
        return [w for w in self.weights if w not in frozen]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training does not change by gradients."""
        frozen = self._frozen()
        return [w for w in self.weights if w in frozen]

    @property
    def variables(self) -> list[Variable]:
        """All weights, the counters of random layers, and what layers remember."""
        found = self.weights
        for member in (m for part in parts_of(self) for m in _held(part)):
            if isinstance(member, SeedGenerator):
                found.append(member.state)
            elif isinstance(member, Memory):
                found += member.states
        return list(dict.fromkeys(found))

    trainable_variables = trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """All variables but those that training changes."""
        trained = set(self.trainable_weights)
        return [v for v in self.variables if v not in trained]

    def get_weights(self) -> list[np.ndarray]:
        """The values of all weights."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights: Sequence[object]) -> None:
        """Give all weights values, in the order of `weights`."""
        own = self.weights
        if len(weights) != len(own):
            raise ArgumentError(
                f"{self.name} has {len(own)} weights",
                received=f"{len(weights)} values",
                expected=", ".join(f"{w.name} {w.shape}" for w in own) or "none",
                fix="build the layer first, by calling it" if not self.built else None,
            )
        values = [np.asarray(value) for value in weights]
        # All of them are looked at first: an error leaves the weights as they are.
        for weight, value in zip(own, values):
            weight.check(value)
        for weight, value in zip(own, values):
            weight.assign(value)

    def count_params(self) -> int:
        """The number of elements in all weights."""
        return sum(w.size for w in self.weights)

    def _frozen(self) -> set[Variable]:
        """The weights that are not trainable themselves, or lie in a layer that is not."""
        whole = {w for part in parts_of(self) if not part.trainable for w in part.weights}
        return whole | {w for w in self.weights if not w.trainable}


def held_by(layer: Holder) -> dict[str, object]:
    """The attributes of a layer, without the arguments that it was made with."""
    return {name: value for name, value in vars(layer).items() if name != "_given"}


def parts_of(layer: Holder) -> list[Layer]:
    """The layer and all layers in it, each once."""
    found: dict[Layer, None] = {}
    stack = [cast("Layer", layer)]
    while stack:
        part = stack.pop()
        if part not in found:
            found[part] = None
            stack.extend(reversed(part.sublayers))
    return list(found)


Member = Variable | Holder | SeedGenerator | Memory | Metric


def _held(layer: Holder) -> Iterator[Member]:
    """What the attributes of a layer hold; what it was made with is not among them."""
    return _members(held_by(layer))


def _members(value: object) -> Iterator[Member]:
    """What an attribute holds that matters here, in order."""
    if isinstance(value, Member):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _members(entry)
    elif isinstance(value, tuple | list):
        for entry in value:
            yield from _members(entry)


def _weights(layer: Holder, seen: set[Holder]) -> Iterator[Variable]:
    if layer in seen:
        return
    seen.add(layer)
    for member in _held(layer):
        if isinstance(member, Variable):
            yield member
        elif isinstance(member, Holder):
            yield from _weights(member, seen)
