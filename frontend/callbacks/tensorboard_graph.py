"""A model as named nodes with inputs: one per layer where its layers are known, else per operation.

`tensorboard.py` writes them in the form that TensorBoard draws; a name with slashes is in boxes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, final

import numpy as np

from graphc.frontend.layers.layer import Layer, outside_of_calls
from graphc.ir.graph import topological
from graphc.ir.node import Node, Tensor
from graphc.ir.tree import Tree, leaves, tree_map
from graphc.ops.leaf import placeholder

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model
    from graphc.frontend.models.wiring import Wiring


@final
@dataclass(frozen=True, slots=True)
class GraphNode:
    """A box: what it is called, what it does, from which boxes it gets what, its output shapes."""

    name: str
    op: str
    inputs: tuple[str, ...]
    shapes: tuple[tuple[int | None, ...], ...]
    notes: Mapping[str, str]


def nodes_of(model: Model, form: Tree[np.ndarray]) -> list[GraphNode]:
    """The nodes of a model, inputs first; `form` shows what its inputs are, if it says not.

    >>> from graphc.frontend.layers import Dense, Input
    >>> from graphc.frontend.models import Sequential
    >>> model = Sequential([Input((3,), name="x"), Dense(2, name="d")])
    >>> [(n.name, n.op, n.inputs) for n in nodes_of(model, None)]
    [('x', 'InputLayer', ()), ('d', 'Dense', ('x',))]
    """
    drawing = _Drawing([], Counter())
    if model.wiring is not None:
        inputs = leaves(model.wiring.inputs)
        known = {t: drawing.add("", t.name, "InputLayer", (), [t], {}) for t in inputs}
        drawing.wired(model.wiring, "", known)
    elif leaves(form):
        drawing.operations(model, form)
    return drawing.nodes


@final
@dataclass(frozen=True, slots=True)
class _Drawing:
    """Nodes so far, and how often each name was taken."""

    nodes: list[GraphNode]
    taken: Counter[str]

    def add(
        self, scope: str, name: str, op: str, inputs: Sequence[str], results: Sequence[Tensor],
        notes: Mapping[str, str],
    ) -> str:  # fmt: skip
        """A node under a name that nobody has; that name."""
        plain = re.sub(r"[^A-Za-z0-9_.\-/]", "_", f"{scope}{name}") or "node"
        number = self.taken[plain]
        self.taken[plain] += 1
        free = f"{plain}_{number}" if number else plain
        shapes = tuple(tuple(n if isinstance(n, int) else None for n in t.shape) for t in results)
        self.nodes.append(GraphNode(free, op, tuple(dict.fromkeys(inputs)), shapes, notes))
        return free

    def wired(self, wiring: Wiring, scope: str, known: dict[Tensor, str]) -> None:
        """The calls of layers; those of models are boxes with their own layers inside."""
        for step in wiring.steps:
            layer, needed = step.call.layer, step.arguments.needed
            inside = _wiring_of(layer)
            if inside is None:
                names = [known[t] for t in needed if t in known]
                notes = {"parameters": str(layer.count_params())}
                made = self.add(
                    scope, layer.name, type(layer).__name__, names, list(step.results), notes
                )
                known.update(dict.fromkeys(step.results, made))
                continue
            given = leaves(cast(Tree[Tensor], step.call.arguments[0]))
            # What was computed between two layers counts as the output of the first.
            inner = {
                t: known[a if a in known else needed[0]]
                for t, a in zip(leaves(inside.inputs), given)
            }
            self.wired(inside, f"{scope}{layer.name}/", inner)
            ends = leaves(inside.outputs)
            known.update((t, inner[ends[i]]) for t, i in step.results.items() if ends[i] in inner)

    def operations(self, model: Model, form: Tree[np.ndarray]) -> None:
        """The operations of a forward pass."""
        x = tree_map(lambda a: placeholder(("batch", *a.shape[1:]), a.dtype), form)
        with outside_of_calls():
            outputs = model(x, training=False)
        names: dict[Node, str] = {}
        for node in topological(leaves(outputs)):
            before = [names[t.node] for t in node.inputs]
            names[node] = self.add("", node.label, node.op.name, before, node.outputs, {})


def _wiring_of(layer: Layer) -> Wiring | None:
    return cast("Wiring | None", vars(layer).get("wiring"))
