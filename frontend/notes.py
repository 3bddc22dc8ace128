"""Notes on tensors: what is known of a tensor object besides its graph, for as long as it lives."""

from __future__ import annotations

from typing import Generic, TypeVar, final
from weakref import finalize

from graphc.ir.node import Tensor

T = TypeVar("T")


@final
class Notes(Generic[T]):
    """One note per tensor. A note must not hold the tensor that it is about, or both stay."""

    def __init__(self) -> None:
        # By identity: tensors are not compared, because == builds graph.
        self._by_id: dict[int, T] = {}

    def set(self, tensor: Tensor, note: T | None) -> None:
        """Write a note, or take it away."""
        if note is None:
            self._by_id.pop(id(tensor), None)
            return
        if id(tensor) not in self._by_id:
            finalize(tensor, self._by_id.pop, id(tensor), None).atexit = False
        self._by_id[id(tensor)] = note

    def get(self, tensor: Tensor) -> T | None:
        """The note on a tensor."""
        return self._by_id.get(id(tensor))
