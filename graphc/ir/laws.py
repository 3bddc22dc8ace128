"""The laws of the graph, one function per law; a broken law is named by its own sentence.

`ops/` builds only lawful graphs, so these are for passes, for text that was parsed, and for tests.
What an op computes is no law but its meaning, in `backends/reference/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphc.dtypes import DType, bool_
from graphc.errors import GraphcError, VerifyError

from .dim import Dim, may_equal
from .graph import Graph
from .literal import Literal
from .node import AttrValue, Node, Tensor, TensorType
from .printer import regions_of

Law = Callable[[Graph], Iterator[object]]


def verify(graph: Graph) -> Graph:
    """The graph itself; raises VerifyError with the first law that it or a region in it breaks."""
    checked: set[Graph] = set()
    waiting = [graph]
    while waiting:
        part = waiting.pop()
        if part in checked:
            continue
        checked.add(part)
        for law in LAWS if part is graph else (*LAWS, regions_are_closed):
            for broken in law(part):
                raise VerifyError(" ".join((law.__doc__ or "").split()), received=broken)
        waiting.extend(region for node in part.nodes for region in regions_of(node))
    return graph


def inputs_are_leaves(graph: Graph) -> Iterator[object]:
    """An input of a graph is a leaf."""
    yield from (t for t in graph.inputs if "leaf" not in t.node.op.traits)


def inputs_are_listed_once(graph: Graph) -> Iterator[object]:
    """An input of a graph is listed once."""
    seen: set[Tensor] = set()
    for t in graph.inputs:
        if t in seen:
            yield t
        seen.add(t)


def names_mean_one_leaf(graph: Graph) -> Iterator[object]:
    """A name belongs to one placeholder or variable of one type."""
    named: dict[str, Node] = {}
    for node in graph.nodes:
        name = node.attrs.get("name")
        if isinstance(name, str) and named.setdefault(name, node) is not node:
            yield f"{name!r} of {_types(node)} and of {_types(named[name])}"


def attributes_are_values(graph: Graph) -> Iterator[object]:
    """An attribute is a number, text, None, a size, a dtype, an array, a graph, or a tuple."""
    for node in graph.nodes:
        for name, value in node.attrs.items():
            if not _is_value(value):
                yield f"{name}={value!r} of {node.label}"


def sizes_are_not_negative(graph: Graph) -> Iterator[object]:
    """A known size is not negative."""
    for node in graph.nodes:
        for kind in node.types:
            if any(isinstance(s, int) and s < 0 for s in kind.shape):
                yield f"{node.label}: {kind}"


def types_follow_from_inputs(graph: Graph) -> Iterator[object]:
    """The types of a node are those that its op infers from the inputs."""
    for node in graph.nodes:
        try:
            inferred = node.op.infer(*node.inputs, **node.attrs)
        except (GraphcError, TypeError) as error:
            yield f"{node.label}: {error}"
            continue
        types = (inferred,) if isinstance(inferred, TensorType) else inferred
        if types != node.types:
            yield f"{node.label}: {_types(node)}, inferred {', '.join(map(str, types))}"


def regions_take_what_they_are_given(graph: Graph) -> Iterator[object]:
    """The inputs of a region have the types of what its node gives to it."""
    for node in graph.nodes:
        given = given_to_regions(node)
        for region in regions_of(node):
            if given is not None and not _fit(region.inputs, given):
                wanted = ", ".join(str(t.type) for t in region.inputs)
                yield f"{node.label} gives {', '.join(map(str, given))} to {wanted}"


def regions_return_what_is_carried(graph: Graph) -> Iterator[object]:
    """A body returns its carries in the types they start with, a condition one bool, branches
    the same types."""
    for node in graph.nodes:
        for region, types in _returned(node):
            if not _fit(region.outputs[: len(types)], types):
                found = ", ".join(str(t.type) for t in region.outputs)
                yield f"{node.label} wants {', '.join(map(str, types))}, its region gives {found}"


def regions_are_closed(graph: Graph) -> Iterator[object]:
    """A region uses nothing from outside but its own parameters."""
    own = {t.node for t in graph.inputs}
    for node in graph.nodes:
        if node.op.name == "constant" or "leaf" not in node.op.traits:
            continue
        if node not in own or node.op.name != "parameter":
            yield node.label


LAWS: tuple[Law, ...] = (
    inputs_are_leaves,
    inputs_are_listed_once,
    names_mean_one_leaf,
    attributes_are_values,
    sizes_are_not_negative,
    types_follow_from_inputs,
    regions_take_what_they_are_given,
    regions_return_what_is_carried,
)


def given_to_regions(node: Node) -> tuple[TensorType, ...] | None:
    """The types of what a control op gives to its regions; None for an op that has none.

    The number of scanned inputs and so on are attributes, described in `ops/control.py`.
    """
    types = tuple(t.type for t in node.inputs)
    match node.op.name:
        case "scan":
            first, last = _bounds(node)
            rows = tuple(TensorType(t.shape[1:], t.dtype) for t in types[first:last])
            return types[:first] + rows + types[last:]
        case "cond":
            return types[1:]
        case "while_loop" | "call":
            return types
    return None


def _bounds(node: Node) -> tuple[int, int]:
    """Where the scanned inputs of a loop begin and end."""
    carries, scanned = node.attrs["carries"], node.attrs.get("scanned", 0)
    assert isinstance(carries, int), "a loop counts its carries"
    assert isinstance(scanned, int), "a scan counts its rows"
    return carries, carries + scanned


def _region(node: Node, name: str) -> Graph:
    region = node.attrs[name]
    assert isinstance(region, Graph), "a region is a graph"
    return region


def _returned(node: Node) -> Iterator[tuple[Graph, tuple[TensorType, ...]]]:
    """The regions of a node with the types that their first outputs must have."""
    match node.op.name:
        case "scan" | "while_loop":
            yield _region(node, "body"), node.types[: _bounds(node)[0]]
            if node.op.name == "while_loop":
                yield _region(node, "condition"), (TensorType((), bool_),)
        case "cond":
            yield from ((_region(node, name), node.types) for name in ("then_body", "else_body"))


def _fit(tensors: tuple[Tensor, ...], types: tuple[TensorType, ...]) -> bool:
    return len(tensors) == len(types) and all(
        t.dtype is k.dtype and t.ndim == len(k.shape) and all(map(may_equal, t.shape, k.shape))
        for t, k in zip(tensors, types)
    )


def _is_value(value: AttrValue) -> bool:
    if type(value) is tuple:
        return all(map(_is_value, value))
    return value is None or type(value) in (bool, int, float, str, Dim, DType, Literal, Graph)


def _types(node: Node) -> str:
    return ", ".join(map(str, node.types))
