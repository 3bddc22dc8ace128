"""Work that no later step of a loop reads is done after it, for all steps at once."""

from __future__ import annotations

from collections import Counter

from graphc.ir.dim import Size
from graphc.ir.graph import Graph, rewrite, topological
from graphc.ir.node import Node, Tensor
from graphc.ops import elementwise, reduce
from graphc.ops.control import build_scan
from graphc.ops.matmul import dot_general_op

from .batching import batched, can_be_batched
from .options import Options
from .regions import count, each_scan, is_recurrent, region, reordered


def sink_results(given: Graph, options: Options) -> Graph:
    """Products that only end in sums or rows leave the loop: many small ones become a large one.

    scan(dw = dw + x.T @ d(h))   ->  ds = scan(d(h)), then dw + sum over steps of xs.T @ ds
    scan(h = f(h), y = h @ w)    ->  hs = scan(h = f(h)), then ys = hs @ w
    """
    return each_scan(given, lambda node, inputs: _Scan(node, inputs).rebuilt())


class _Scan:
    """A scan taken apart into carries that steps need and results that none does."""

    def __init__(self, node: Node, inputs: tuple[Tensor, ...]) -> None:
        self.node, self.body, self.inputs = node, region(node, "body"), inputs
        self.carries, scanned = count(node, "carries"), count(node, "scanned")
        end = self.carries + scanned
        self.carry = self.body.inputs[: self.carries]
        self.xs = dict(zip(self.body.inputs[self.carries : end], inputs[self.carries : end]))
        self.captured = dict(zip(self.body.inputs[end:], inputs[end:]))
        self.length: Size = node.attrs["length"]  # pyright: ignore[reportAttributeAccessIssue]
        self.addends = self._addends()

    def _addends(self) -> dict[int, Tensor]:
        """For each carry that is only added to, what is added in a step."""
        uses = Counter(t for node in self.body.nodes for t in node.inputs)
        uses.update(self.body.outputs)
        found: dict[int, Tensor] = {}
        for i, (start, end) in enumerate(zip(self.carry, self.body.outputs)):
            sides = end.node.inputs
            mine = any(start is t for t in sides)
            if end.node.op is elementwise.add and uses[start] == uses[end] == 1 and mine:
                found[i] = sides[1] if sides[0] is start else sides[0]
        return found

    def rebuilt(self) -> tuple[Tensor, ...] | None:
        """The outputs of a smaller scan and of what follows it, or None if nothing can leave."""
        if not is_recurrent(self.body, self.carry):
            return None
        outputs = self.body.outputs
        read = set(topological(outputs[i] for i in range(self.carries) if i not in self.addends))
        results = dict(enumerate(outputs)) | self.addends
        sunk: dict[int, Tensor] = {}
        borders: dict[Tensor, None] = {}
        for i, t in results.items():
            border = self._border(t, read) if i >= self.carries or i in self.addends else None
            if border is not None:
                sunk[i] = t
                borders.update(dict.fromkeys(border))
        # A sum of something that is returned anyway need not be carried.
        sunk |= {i: t for i, t in self.addends.items() if t in borders and sunk}
        return self._after(sunk, list(borders)) if sunk else None

    def _border(self, result: Tensor, read: set[Node]) -> list[Tensor] | None:
        """What products under a result read, if nothing else in the loop reads those products."""
        late: set[Node] = set()
        for node in topological([result]):
            below = any(t.node in late for t in node.inputs)
            if node not in read and (node.op is dot_general_op or below):
                late.add(node)
        if result.node not in late or not all(can_be_batched(n.op) for n in late):
            return None
        taken = dict.fromkeys(t for n in self.body.nodes if n in late for t in n.inputs)
        return [t for t in taken if t.node not in late and t not in self.captured]

    def _after(self, sunk: dict[int, Tensor], borders: list[Tensor]) -> tuple[Tensor, ...] | None:
        """The scan that returns rows of the borders, and the sunk results made of them."""
        total = len(self.body.outputs)
        kept = [i for i in range(total) if i not in sunk]
        fixed = [t for t in borders if _is_same_in_each_step(t, (*self.carry, *self.xs))]
        extra = [t for t in borders if t not in self.xs and t not in fixed]
        carried = [i for i in kept if i < self.carries]
        made = build_scan(
            reordered(
                self.body,
                [*(self.carry[i] for i in carried), *self.xs, *self.captured],
                [*(self.body.outputs[i] for i in kept), *extra],
            ),
            [self.inputs[i] for i in carried],
            list(self.xs.values()),
            list(self.captured.values()),
            self.length,
            bool(self.node.attrs["reverse"]),
        )
        rows = {**self.xs, **dict(zip(extra, made[len(kept) :]))}
        outside = dict(zip(fixed, rewrite(fixed, lambda node, new: None, self.captured)))
        found = batched(list(sunk.values()), rows, {**self.captured, **outside}, self.length)
        results = dict(zip(kept, made))
        for i, t in sunk.items():
            if t not in found:
                return None
            results[i] = found[t]
            if i < self.carries:
                results[i] = elementwise.add(self.inputs[i], reduce.sum(found[t], 0))
        return tuple(results[i] for i in range(total))


def _is_same_in_each_step(t: Tensor, changing: tuple[Tensor, ...]) -> bool:
    return not {x.node for x in changing} & set(topological([t]))
