"""Models without their Python code: what was computed, as graphs that a file holds.

`frontend/saving/traced.py` writes the description.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, cast, final

from graphc.errors import DataError, ModeError
from graphc.frontend import effects
from graphc.frontend.constraints import Constraint
from graphc.frontend.layers.members import Memory
from graphc.frontend.saving.objects import Json, deserialize_keras_object
from graphc.frontend.saving.registered import custom_object_scope
from graphc.frontend.seeds import SeedGenerator
from graphc.ir.graph import Graph, rewrite
from graphc.ir.node import Tensor
from graphc.ir.parser import parse
from graphc.ir.tree import Tree, leaves
from graphc.ops.variable import Variable
from graphc.passes.unify_sizes import with_sizes

from .model import Model
from .wiring import rebuilt, sizes_between

Table = Mapping[str, Json]


@final
@dataclass(frozen=True, slots=True)
class Part:
    """A graph over inputs and variables: its outputs, new values of variables, losses."""

    graph: Graph
    variables: Sequence[str]
    outputs: Json
    updates: Sequence[str]

    @classmethod
    def of(cls, described: Table) -> Part:
        """The part that a file describes."""
        names = cast("list[str]", described["variables"]), cast("list[str]", described["updates"])
        return cls(parse(str(described["graph"])), names[0], described["outputs"], names[1])


@final
class Restored(Model):
    """A model that a file describes by what it computes, for the class is not known here.

    `predict`, `evaluate` and, if it could be saved, `fit` work as with the class; layers are not
    accessible. `weights` have the paths that they had.
    """

    def __init__(self, description: Table, name: str | None = None) -> None:
        super().__init__(name=name)
        self.description = description
        self.held: dict[str, Variable] = {}
        self.counters: dict[str, SeedGenerator] = {}
        self.remembered: dict[str, Memory] = {}
        for path, told in cast("Mapping[str, Table]", description["weights"]).items():
            self.held[path] = self._weight(path, told)
        for path in cast("list[str]", description["counters"]):
            self.counters[path] = SeedGenerator(0, name=path)
        for path, told in cast("Mapping[str, Table]", description["memory"]).items():
            shape, dtype = cast("list[int]", told["shape"]), str(told["dtype"])
            state = self.add_weight(shape, "zeros", dtype, trainable=False, name=path)
            owner = self.remembered.setdefault(path.rpartition("/")[0], Memory())
            owner.states.append(state)
        self.input_form = description["form"]
        self.predicting = Part.of(cast(Table, description["predict"]))
        self.penalties = Part.of(cast(Table, description["penalties"]))
        train = description["train"]
        self.training = Part.of(train) if isinstance(train, Mapping) else None
        self.built = True

    def _weight(self, path: str, told: Table) -> Variable:
        weight = self.add_weight(
            cast("list[int]", told["shape"]), "zeros", str(told["dtype"]), bool(told["trainable"]),
            name=path,
        )  # fmt: skip
        rule = deserialize_keras_object(told["constraint"])
        weight.constraint = cast("Constraint | None", rule)
        return weight

    def call(self, inputs: Tree[Tensor], training: bool = False) -> Tensor:
        part = self.training if training else self.predicting
        if part is None:
            raise ModeError(
                f"{self.name} was saved without what it computes in training",
                received=str(self.description["train"]),
                fix="register its class with @gx.saving.register_keras_serializable() or give "
                "custom_objects, and load it again",
            )
        results = self._run(part, leaves(inputs))
        for path, value in zip(part.updates, results[count(part.outputs) :]):
            effects.update(self._variables()[path], value)
        for loss in results[count(part.outputs) + len(part.updates) :]:
            effects.add_loss(loss)
        return cast(Tensor, _filled(part.outputs, results))

    @property
    def losses(self) -> list[Tensor]:
        """The penalties of regularized weights; in a step also what was added so far."""
        return [*self._run(self.penalties, []), *super().losses]

    def _run(self, part: Part, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The outputs of a graph for these inputs and the present variables."""
        known = self._variables()
        given = [*inputs, *(effects.latest(known[path]) for path in part.variables)]
        if len(given) != len(part.graph.inputs):
            raise DataError(
                f"{self.name} takes another number of inputs",
                received=len(inputs),
                expected=len(part.graph.inputs) - len(part.variables),
            )
        pairs = zip(part.graph.inputs, given)
        sizes = dict(size for a, b in pairs for size in sizes_between(a, b))
        region = with_sizes(part.graph, sizes)
        return rewrite(region.outputs, rebuilt, dict(zip(region.inputs, given)))

    def _variables(self) -> dict[str, Variable]:
        counters = {path: generator.state for path, generator in self.counters.items()}
        states = {f"{p}/{i}": v for p, m in self.remembered.items() for i, v in enumerate(m.states)}
        return {**self.held, **counters, **states}

    def names_in_files(self) -> dict[str, str]:
        return {"held": "", "counters": "", "remembered": ""}

    def get_config(self) -> dict[str, object]:
        return {"name": self.name, "description": self.description}

    @classmethod
    def from_config(
        cls, config: Mapping[str, object], custom_objects: Mapping[str, object] | None = None
    ) -> Self:
        name = cast("str | None", config.get("name"))
        with custom_object_scope(custom_objects):
            return cls(cast(Table, config["description"]), name)


def count(outputs: Json) -> int:
    """How many tensors the outputs are: nested numbers, from 0 on."""
    return len(leaves(cast("Tree[int]", outputs)))


def _filled(outputs: Json, results: Sequence[Tensor]) -> Tree[Tensor]:
    if isinstance(outputs, Mapping):
        return {name: _filled(part, results) for name, part in outputs.items()}
    if isinstance(outputs, list):
        return [_filled(part, results) for part in outputs]
    return results[cast(int, outputs)]
