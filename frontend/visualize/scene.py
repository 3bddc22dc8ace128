"""What is drawn: results by name, new values of variables, and groups of nodes with a frame.

The groups of a function are its kernels, as its plan has them; those of a model made from
layers are the layers. What the picture shows of all this is in picture.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from graphc.compiler import Function
from graphc.debug.count import Work, work_of
from graphc.errors import ArgumentError
from graphc.frontend.layers.layer import Layer, inside_of_calls
from graphc.frontend.models.model import Model
from graphc.frontend.models.wiring import Wiring
from graphc.ir.graph import Graph, graph, topological
from graphc.ir.node import Node, Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops import control, leaf
from graphc.program import Program
from graphc.schedule.plan import KernelStep
from graphc.schedule.schedule import make_plan

Drawable = Tree[Tensor] | Function | Graph | Layer
Named = tuple[tuple[str, Tensor], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes, by label, that get a frame together."""

    key: str
    title: str
    tooltip: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """The inputs to show even if nothing uses them, and all results; `framed` names the groups."""

    title: str
    inputs: tuple[Tensor, ...]
    outputs: Named
    updates: Named = ()
    groups: tuple[Group, ...] = ()
    framed: str = "kernel"


def scene_of(what: Drawable, kernels: bool = True) -> Scene:
    """The scene of a tensor, nested tensors, a graph, a compiled function or a model.

    Raises:
        ArgumentError: nothing of the kind, or a model whose input shape is not known.
    """
    if isinstance(what, Function):
        return _of_function(what, kernels)
    if isinstance(what, Model) and what.wiring is not None:
        return _of_model(what, what.wiring, kernels)
    if isinstance(what, Layer):
        return _of_layer(what)
    if isinstance(what, Graph):
        outputs = tuple((f"output {i}", t) for i, t in enumerate(what.outputs))
        return Scene("", what.inputs, outputs)
    outputs = tuple(_named(what, ""))
    if not outputs or not all(isinstance(t, Tensor) for t in leaves(what)):
        raise ArgumentError(
            "this cannot be drawn",
            received=repr(what)[:200],
            expected="a tensor, tensors in lists or dicts, a graph, a function or a model",
        )
    return Scene("", (), outputs)


def with_kernels(scene: Scene) -> Scene:
    """The scene with the kernels that would be compiled for it; none where calls hide nodes."""
    outputs = tuple(t for _, t in (*scene.outputs, *scene.updates))
    nodes = topological((*scene.inputs, *outputs))
    if any(n.op is control.call_op for n in nodes):
        return scene
    kept = (leaf.constant_op, leaf.full_op, leaf.size_of_op)
    given = [n.output() for n in nodes if "leaf" in n.op.traits and n.op not in kept]
    program = Program("drawing", graph(given, outputs), tuple(given), (), len(outputs), ())
    return replace(scene, groups=_kernels(program))


# ---------------------------------------------------------------------------- kinds of scenes


def _of_function(what: Function, kernels: bool) -> Scene:
    program = what.program
    names = [name for name, _ in _named(what.form, "")]
    outputs = tuple(zip(names, program.graph.outputs))
    updated = (program.variables[i].name for i in program.updated)
    updates = tuple(zip(updated, program.graph.outputs[program.results :]))
    groups = _kernels(program) if kernels else ()
    return Scene(what.name, program.inputs, outputs, updates, groups)


def _of_layer(what: Layer) -> Scene:
    if what.declared_shape is None:
        raise ArgumentError(
            f"the shape of the input of {what.name} is not known",
            fix="give the first layer an input_shape, or draw(model(placeholder(shape)))",
        )
    x = leaf.placeholder(what.declared_shape, what.dtype, name="input")
    with inside_of_calls():
        return Scene(what.name, (x,), tuple(_named(what(x, training=False), "")))


def _of_model(model: Model, wiring: Wiring, frames: bool) -> Scene:
    """A model that was made from tensors, with a frame around each layer."""
    groups: list[Group] = []
    seen: set[Node] = set()

    def met(part: Layer, results: list[Tensor]) -> None:
        new = [n for n in topological(results) if n not in seen and "leaf" not in n.op.traits]
        seen.update(new)
        groups.append(_layer(f"f{len(groups)}", part, new))

    with inside_of_calls():
        outputs = wiring.run(wiring.inputs, met)
    found = tuple(groups) if frames else ()
    return Scene(model.name, tuple(model.inputs), tuple(_named(outputs, "")), (), found, "layer")


def _layer(key: str, part: Layer, nodes: Sequence[Node]) -> Group:
    title = f"{part.name} ({type(part).__name__})"
    tooltip = f"{title}: {part.output_shape}, {part.count_params()} parameters"
    return Group(key, title, tooltip, tuple(n.label for n in nodes))


def _kernels(program: Program) -> tuple[Group, ...]:
    """The fused kernels of a program; the parts of one kernel are one group."""
    parts: dict[tuple[str, ...], list[KernelStep]] = {}
    for step in make_plan(program).steps:
        if isinstance(step, KernelStep):
            parts.setdefault(step.nodes, []).append(step)
    return tuple(
        Group(f"f{i}", steps[0].name, _work(steps), labels)
        for i, (labels, steps) in enumerate(parts.items())
    )


def _work(steps: Sequence[KernelStep]) -> str:
    total = sum(map(work_of, steps), Work())
    names = ", ".join(s.name for s in steps)
    lines = (f"{total.flops} flops", f"reads {total.read} bytes", f"writes {total.written} bytes")
    return "\n".join((f"kernel {names}", *lines))


def _named(tree: Tree[Tensor], path: str) -> Iterator[tuple[str, Tensor]]:
    """The leaves with the keys and positions that lead to them."""
    match tree:
        case None:
            return
        case dict():
            for key in sorted(tree):
                yield from _named(tree[key], f"{path}.{key}" if path else key)
        case tuple() | list():
            for i, part in enumerate(tree):
                yield from _named(part, f"{path}.{i}" if path else f"output {i}")
        case _:
            yield path or "output", tree
