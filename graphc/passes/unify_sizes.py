"""One name per size: what was assumed to be equal while building becomes equal.

Runs before the pipeline, because it may change the types of inputs and because what it cannot solve
is returned, to be checked at every call. The assumptions themselves are in `assumptions.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from graphc.errors import ShapeError
from graphc.ir.dim import Dim, Size, exact_div, names_of, substitute
from graphc.ir.graph import Graph, graph, rewrite
from graphc.ir.node import AttrValue, Node, Tensor, apply
from graphc.ir.printer import regions_of
from graphc.ops.leaf import size_of, size_of_op
from graphc.provenance import Source, building_for
from graphc.rewrite.movement import is_at_most

from .assumptions import Relation, assumptions


@dataclass(frozen=True, slots=True)
class SizeCheck:
    """`left relation right` must hold of the sizes at every call; a node at `source` needs it."""

    left: Size
    relation: Relation
    right: Size
    node_label: str
    source: Source

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"


def unify_sizes(given: Graph) -> tuple[Graph, tuple[SizeCheck, ...]]:
    """Sizes that meet get one name; what remains to be checked comes with the graph.

    add(x: float32[n], y: float32[m])  ->  add(x: float32[n], y: float32[n])

    Raises:
        ShapeError: sizes that cannot all be as they were assumed, at the line that assumes it.
    """
    solver = _Solver(_order(given))
    for node in _all_nodes(given):
        for left, relation, right in assumptions(node):
            solver.add(SizeCheck(left, relation, right, node.label, node.source))
    checks = solver.finish()
    return with_sizes(given, solver.known), checks


def with_sizes(given: Graph, sizes: Mapping[str, Size]) -> Graph:
    """The graph with named sizes replaced by others, or by numbers."""
    return _Renamed(sizes).graph(given) if sizes else given


def _all_nodes(given: Graph) -> Iterator[Node]:
    seen: set[Graph] = {given}
    waiting = [given]
    while waiting:
        nodes = waiting.pop().nodes
        yield from nodes
        for node in nodes:
            fresh = [r for r in regions_of(node) if r not in seen]
            seen.update(fresh)
            waiting.extend(fresh)


def _order(given: Graph) -> dict[str, int]:
    """Names by the inputs that they first stand in; earlier names are kept."""
    found: dict[str, int] = {}
    for t in given.inputs:
        for size in t.shape:
            for name in sorted(names_of(size)):
                found.setdefault(name, len(found))
    return found


class _Solver:
    """The names that are replaced so far, and the assumptions that are still open."""

    def __init__(self, order: dict[str, int]) -> None:
        self.known: dict[str, Size] = {}
        self.order = order
        self.open: list[SizeCheck] = []
        self.seen: set[tuple[Size, Relation, Size]] = set()

    def add(self, check: SizeCheck) -> None:
        """Take in one assumption."""
        key = (check.left, check.relation, check.right)
        if key in self.seen:
            return
        self.seen.add(key)
        if not self.settle(check):
            self.open.append(check)

    def settle(self, check: SizeCheck) -> bool:
        """Whether nothing of an assumption is left open."""
        left, right = self.at_known(check.left), self.at_known(check.right)
        if check.relation == "<=":
            if isinstance(left, int) and isinstance(right, int) and left > right:
                raise _conflict(check, left, right)
            return is_at_most(left, right)
        difference = left - right
        if isinstance(difference, int):
            if difference != 0:
                raise _conflict(check, left, right)
            return True
        return self.solve(difference, check)

    def solve(self, difference: Dim, check: SizeCheck) -> bool:
        """Replace a name so that the difference becomes 0; False where no name can be."""
        for name in self.candidates(difference):
            coefficient, rest = _split(difference, name)
            value = exact_div(-1 * rest, coefficient)
            if value is None:
                continue
            if isinstance(value, int) and value < 0:
                raise _conflict(check, difference, 0)
            self.known = {n: substitute(v, {name: value}) for n, v in self.known.items()}
            self.known[name] = value
            if not is_at_most(0, value):
                self.open.append(SizeCheck(0, "<=", value, check.node_label, check.source))
            return True
        # c*n + d = 0 with d no multiple of c
        if len(difference.terms) == 2 and difference.terms[-1][0] == ():
            raise _conflict(check, difference, 0)
        return False

    def candidates(self, difference: Dim) -> list[str]:
        """Names that stand alone in one term and in no other: fresh ones first, then late ones."""
        alone = [m[0] for m, _ in difference.terms if len(m) == 1 and isinstance(m[0], str)]
        uses = [n for m, c in difference.terms for n in names_of(Dim(((m, c),))) if m]
        names = [n for n in alone if uses.count(n) == 1]
        last = len(self.order)
        return sorted(names, key=lambda n: (not n.startswith("_"), -self.order.get(n, last), n))

    def at_known(self, size: Size) -> Size:
        """A size in the names that are kept."""
        return substitute(size, self.known) if self.known else size

    def finish(self) -> tuple[SizeCheck, ...]:
        """Try again what was open, as long as that solves more; what is left."""
        before = -1
        while before != len(self.known):
            before = len(self.known)
            waiting, self.open = self.open, []
            self.open += [check for check in waiting if not self.settle(check)]
        found: dict[tuple[Relation, Size], SizeCheck] = {}
        for c in self.open:
            left, right = self.at_known(c.left), self.at_known(c.right)
            check = SizeCheck(left, c.relation, right, c.node_label, c.source)
            found.setdefault((c.relation, right - left), check)
        return tuple(found.values())


def _split(size: Dim, name: str) -> tuple[int, Size]:
    """c and r of c * name + r."""
    rest: Size = 0
    coefficient = 0
    for monomial, c in size.terms:
        if monomial == (name,):
            coefficient = c
        else:
            rest = rest + (Dim(((monomial, c),)) if monomial else c)
    return coefficient, rest


def _conflict(check: SizeCheck, left: Size, right: Size) -> ShapeError:
    return ShapeError(
        f"sizes that meet in {check.node_label} cannot fit together",
        received=f"{check}, where other lines make it {left} {check.relation} {right}",
        expected="sizes that can all be as they are used",
        source=check.source,
    )


class _Renamed:
    """Graphs rebuilt with other sizes."""

    def __init__(self, sizes: Mapping[str, Size]) -> None:
        self.sizes = sizes
        self.done: dict[Graph, Graph] = {}

    def graph(self, given: Graph) -> Graph:
        """A graph or region."""
        if given not in self.done:
            tensors = rewrite((*given.inputs, *given.outputs), self.node)
            count = len(given.inputs)
            self.done[given] = graph(tensors[:count], tensors[count:])
        return self.done[given]

    def node(self, node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        """A node on its new inputs."""
        attrs = {name: self.value(value) for name, value in node.attrs.items()}
        if _same(node.inputs, inputs) and all(v is node.attrs[n] for n, v in attrs.items()):
            return node.outputs
        with building_for(node.source):
            if node.op is size_of_op and isinstance(attrs["size"], int):
                return (size_of(attrs["size"], node.types[0].dtype),)
            return apply(node.op, inputs, attrs, node.source).outputs

    def value(self, value: AttrValue) -> AttrValue:
        """An attribute; the same object if nothing in it changes."""
        match value:
            case Dim():
                new = substitute(value, self.sizes)
                return value if new == value else new
            case Graph():
                return self.graph(value)
            case tuple():
                items = tuple(map(self.value, value))
                return value if all(a is b for a, b in zip(items, value)) else items
        return value


def _same(a: Iterable[Tensor], b: Iterable[Tensor]) -> bool:
    return all(x is y for x, y in zip(a, b))
