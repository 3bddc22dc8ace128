"""GradientTape: derivatives of what was computed inside a `with` block.

While a tape records, what is computed keeps its graph; elsewhere results forget how they came
about, so loops do not grow. `gradient` is then the walk of graphc.diff over that graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self, cast, final

import numpy as np

from graphc.diff.walk import active_nodes, pull_back
from graphc.errors import ModeError, ShapeError
from graphc.frontend.structure import map_arrays
from graphc.ir.graph import topological
from graphc.ir.mode import is_eager
from graphc.ir.node import Node, Tensor
from graphc.ir.tree import Tree, leaves, like
from graphc.ops import convert, elementwise, movement, numeric
from graphc.ops.variable import Variable, variable_behind

from .values import as_tensor

Found = Tree[Tensor | None]

_tapes: ContextVar[tuple[GradientTape, ...]] = ContextVar("tapes that record", default=())


def recording() -> tuple[GradientTape, ...]:
    """The tapes that record at present, outermost first."""
    return _tapes.get()


@final
class GradientTape:
    """Records operations inside its `with` block, for derivatives by what it watches.

    Trainable variables that are read inside are watched, other tensors after `watch`. Tapes may be
    nested for derivatives of higher order. One that is `persistent` may be asked several times.

    >>> from graphc.frontend.compat.mode import running
    >>> from graphc.ops import leaf
    >>> with running():
    ...     x = leaf.eager_leaf(np.float32(3.0))
    ...     with GradientTape() as tape:
    ...         tape.watch(x)
    ...         y = x * x
    ...     print(float(tape.gradient(y, x)))
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self.persistent, self.watch_accessed_variables = persistent, watch_accessed_variables
        self._watched: dict[int, Tensor] = {}
        self._read: dict[Variable, list[Tensor]] = {}
        self._token: Token[tuple[GradientTape, ...]] | None = None
        self._used = False

    def __enter__(self) -> Self:
        if self._token is not None:
            raise ModeError("the tape records already", fix="make another GradientTape")
        self._token = _tapes.set((*_tapes.get(), self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        assert self._token is not None, "a tape is left after it was entered"
        _tapes.reset(self._token)
        self._token = None

    def record(self, node: Node) -> None:
        """Note the variables whose present values a node that was computed has read."""
        for t in node.inputs:
            if (v := variable_behind(t)) is not None and not any(
                t is known for known in self._read.setdefault(v, [])
            ):
                self._read[v].append(t)

    def watch(self, tensor: Tree[Tensor]) -> None:
        """Follow these tensors too; variables count from here on."""
        for t in leaves(tensor):
            self._watched[id(t)] = t

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables that were read so far and are followed."""
        return tuple(v for v in self._read if self._follows(v))

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """What is computed inside is not recorded by this tape."""
        token = _tapes.set(tuple(tape for tape in _tapes.get() if tape is not self))
        try:
            yield
        finally:
            _tapes.reset(token)

    def reset(self) -> None:
        """Forget everything that was recorded and watched."""
        self._watched.clear()
        self._read.clear()

    # ------------------------------------------------------------------------ derivatives

    def gradient(
        self, target: Tree[Tensor], sources: Tree[Tensor],
        output_gradients: Tree[Tensor] = None, unconnected_gradients: str = "none",
    ) -> Found:  # fmt: skip
        """The derivative of the sum of all targets by each source, in the structure of the sources.

        A source that no target depends on gets None, or zeros if `unconnected_gradients` is "zero".

        Raises:
            ModeError: a second call, of a tape that is not persistent.
        """
        self._use()
        targets = [_value(t) for t in leaves(target)]
        alone = isinstance(target, Tensor)
        given = [output_gradients] if alone else leaves(output_gradients)
        seeds = [1.0] * len(targets) if output_gradients is None else given
        pairs = [(t, ct) for t, ct in zip(targets, seeds, strict=True) if t.dtype.is_float]
        flows = [convert.broadcast_to(as_tensor(ct, t.dtype), t.shape) for t, ct in pairs]
        found = self._pulled([t for t, _ in pairs], leaves(sources), flows)
        if unconnected_gradients == "zero":
            both = zip(found, leaves(sources), strict=True)
            found = [numeric.zeros_like(s) if ct is None else ct for ct, s in both]
        return like(sources, cast(list[Tensor], found))

    def jacobian(
        self, target: Tensor, sources: Tree[Tensor], unconnected_gradients: str = "none",
        parallel_iterations: int | None = None, experimental_use_pfor: bool = True,
    ) -> Found:  # fmt: skip
        """All partial derivatives, of shape (*target.shape, *source.shape) for each source."""
        self._use()
        y, wanted = _value(target), leaves(sources)
        units = np.eye(_count(y), dtype=y.dtype.numpy).reshape(-1, *y.shape)
        rows = [self._pulled([y], wanted, [convert.as_tensor(unit)]) for unit in units]
        found: list[Tensor | None] = []
        for s, column in zip(wanted, zip(*rows, strict=True), strict=True):
            parts = [numeric.zeros_like(s) if ct is None else ct for ct in column]
            lost = all(ct is None for ct in column) and unconnected_gradients != "zero"
            shape = (*y.shape, *s.shape)
            found.append(None if lost else movement.reshape(movement.stack(parts), shape))
        return like(sources, cast(list[Tensor], found))

    def batch_jacobian(self, target: Tensor, source: Tensor) -> Tensor | None:
        """The Jacobian of each row of the target by the same row of the source, a batch of them."""
        self._use()
        y = _value(target)
        if not y.ndim or not source.ndim or y.shape[0] != source.shape[0]:
            raise ShapeError(
                "a batch of Jacobians has two batches", received=(y.shape, source.shape)
            )
        count = _count(y) // max(int(y.shape[0]), 1)
        rows: list[Tensor] = []
        for unit in np.eye(count, dtype=y.dtype.numpy).reshape(-1, *y.shape[1:]):
            flow = convert.broadcast_to(convert.as_tensor(unit), y.shape)
            (row,) = self._pulled([y], [source], [flow])
            if row is None:
                return None
            rows.append(row)
        return movement.reshape(movement.stack(rows, 1), (*y.shape, *source.shape[1:]))

    # ------------------------------------------------------------------------ inside

    def _use(self) -> None:
        if self._used and not self.persistent:
            raise ModeError(
                "the tape has given its derivatives",
                fix="make it with GradientTape(persistent=True) to ask several times",
            )
        self._used = True

    def _follows(self, v: Variable) -> bool:
        return (self.watch_accessed_variables and v.trainable) or id(v) in self._watched

    def _pulled(
        self, targets: Sequence[Tensor], sources: Sequence[Tensor], flows: Sequence[Tensor]
    ) -> list[Tensor | None]:
        """The cotangent of each source: for a variable, the sum over all its values in use."""
        points = [self._points(s, targets) for s in sources]
        flat = iter(pull_back(targets, [p for some in points for p in some], list(flows)))
        result: list[Tensor | None] = []
        for some in points:
            parts = [ct for ct in (next(flat) for _ in some) if ct is not None]
            total = parts[0] if parts else None
            for part in parts[1:]:
                total = elementwise.add(total, part)  # pyright: ignore[reportArgumentType]
            result.append(total)
        return result

    def _points(self, source: Tensor, targets: Sequence[Tensor]) -> list[Tensor]:
        """The tensors of the graph that stand for a source; none if it is not followed."""
        if not source.dtype.is_float:
            return []
        if isinstance(source, Variable):
            if not self._follows(source):
                return []
            in_graph = not is_eager() or any(t.concrete() is None for t in targets)
            return [source] if in_graph else self._read.get(source, [])
        if id(source) in self._watched:
            return [source]
        followed = [*self._watched.values(), *(t for some in self._read.values() for t in some)]
        on_the_way = source.node in active_nodes(topological([source]), followed)
        return [source] if on_the_way or not is_eager() else []


def _value(target: Tensor) -> Tensor:
    tensor = map_arrays(convert.as_tensor, target)  # pyright: ignore[reportArgumentType]
    assert isinstance(tensor, Tensor), "targets are tensors"
    return tensor.for_eager() if is_eager() else tensor


def _count(t: Tensor) -> int:
    if not isinstance(t.size, int):
        raise ShapeError("a Jacobian is of a tensor of known size", received=t.shape)
    return t.size
