"""Variables: named tensors with storage that compiled functions update in place.

In the graph a variable is a leaf that stands for its value when the function starts. In eager mode
each use reads the value of the moment, through a snapshot that `grad` knows. A backend may keep the
value in memory of its own (`Elsewhere`); it is fetched when somebody reads it here.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Protocol
from weakref import ReferenceType, WeakKeyDictionary, WeakValueDictionary, ref

import numpy as np

from graphc.dtypes import DTypeLike, as_dtype
from graphc.errors import DTypeError, ShapeError
from graphc.ir.mode import assignments, is_eager
from graphc.ir.node import Node, Tensor, apply

from . import elementwise, leaf
from .convert import TensorLike, as_tensor, cast

_ALIGN = 64  # one cache line, and the widest vector register


class Elsewhere(Protocol):
    """A place for the value of a variable that is not the memory of the host."""

    def fetch(self, storage: np.ndarray, version: int) -> None:
        """Fill the storage: from now on this place and the host both have that version."""
        ...


class Variable(Tensor):
    """A tensor with a value that lasts between calls; made by `variable`."""

    __slots__ = (
        "_elsewhere",
        "_snapshot",
        "_storage",
        "constraint",
        "host",
        "trainable",
        "version",
    )

    host: np.ndarray | None
    """The storage while the value is in it, else None; only `storage` makes sure of that."""
    _storage: np.ndarray
    _elsewhere: Elsewhere | None
    trainable: bool
    constraint: Callable[[Tensor], Tensor] | None
    """What optimizers apply to each new value."""
    version: int
    """Another number after every change, never one that was there before."""
    _snapshot: Tensor | None

    @property
    def size(self) -> int:
        """How many elements it has."""
        return self._storage.size

    @property
    def nbytes(self) -> int:
        """How much memory the value takes."""
        return self._storage.nbytes

    @property
    def storage(self) -> np.ndarray:
        """The present value; who writes to it calls `changed`, and asks for it again next time."""
        host = self.host
        return self._fetched() if host is None else host

    @storage.setter
    def storage(self, memory: np.ndarray) -> None:
        with _moving:
            self._storage, self._elsewhere = memory, None
            self.host = memory

    def _fetched(self) -> np.ndarray:
        with _moving:
            if self._elsewhere is not None:
                self._elsewhere.fetch(self._storage, self.version)
                self._elsewhere = None
            self.host = self._storage
            return self._storage

    def move(self, place: Elsewhere) -> None:
        """The value has changed, and is there from now on; the storage is old until it is read."""
        with _moving:
            self._elsewhere, self.host = place, None
            self.changed()

    def is_at(self, place: Elsewhere) -> bool:
        """Whether the value is there and nowhere else."""
        return self._elsewhere is place

    @property
    def value(self) -> Tensor:
        """The tensor to compute with: in eager mode the present value, else the variable."""
        return self.for_eager() if is_eager() else self

    def numpy(self) -> np.ndarray:
        """A copy of the present value."""
        return self.storage.copy()

    def concrete(self) -> np.ndarray | None:
        """The present value."""
        return self.storage

    def for_eager(self) -> Tensor:
        """The leaf that stands for the present value in eager mode."""
        if self._snapshot is None:
            self._snapshot = leaf.eager_leaf(self.storage.copy())
            _snapshots[self._snapshot.node] = ref(self)
        return self._snapshot

    def assign(self, value: TensorLike) -> Variable:
        """Store another value of the same shape; it is converted to the variable's dtype.

        A symbolic value is collected, where assignments are (`collecting_assignments`).
        """
        pending = assignments()
        if pending is not None and (self in pending or as_tensor(value).concrete() is None):
            pending[self] = cast(value, self.dtype)
            return self
        array = value.numpy() if isinstance(value, Tensor) else leaf.as_array(value)
        self.check(array)
        with _moving:
            np.copyto(self._storage, array, casting="unsafe")
            self._elsewhere, self.host = None, self._storage
            self.changed()
        return self

    def check(self, array: np.ndarray) -> None:
        """ShapeError for an array that `assign` does not take."""
        if array.shape != self.shape:
            raise ShapeError(
                f"the value does not fit the variable {self.name}",
                received=array.shape,
                expected=self.shape,
            )

    def assign_add(self, value: TensorLike) -> Variable:
        """Add to the stored value."""
        return self.assign(elementwise.add(self._now(), value))

    def assign_sub(self, value: TensorLike) -> Variable:
        """Subtract from the stored value."""
        return self.assign(elementwise.sub(self._now(), value))

    def _now(self) -> Tensor:
        """The present value, as a tensor to compute with."""
        return as_tensor(self.numpy()) if assignments() is None else self

    def changed(self) -> None:
        """Whoever has written to the storage calls this: what was worked out from it is old."""
        self._snapshot = None
        self.version = next(_versions)

    def __repr__(self) -> str:
        return f'Variable("{self.name}", shape={self.shape}, dtype={self.dtype})'


def variable_behind(leaf: Tensor) -> Variable | None:
    """The variable whose value at some moment this leaf is; None for other tensors."""
    found = _snapshots.get(leaf.node)
    return None if found is None else found()


_versions = itertools.count(1)
_snapshots: WeakKeyDictionary[Node, ReferenceType[Variable]] = WeakKeyDictionary()
_named: WeakValueDictionary[str, Variable] = WeakValueDictionary()
_naming = threading.Lock()
_moving = threading.RLock()
"""Held while a value moves, or one of two places becomes the one where it is."""


def variable(
    value: TensorLike, dtype: DTypeLike | None = None, *, name: str = "variable",
    trainable: bool = True,
) -> Variable:  # fmt: skip
    """A variable with an initial value; a name that is taken gets a number.

    >>> w = variable([[1.0, 2.0]], name="doctest_w")
    >>> w.shape, w.assign([[3.0, 4.0]]).numpy().tolist()
    ((1, 2), [[3.0, 4.0]])
    """
    kind = as_dtype(dtype) if dtype is not None else None
    array = value.numpy() if isinstance(value, Tensor) else leaf.as_array(value, kind)
    if kind is not None:
        array = array.astype(kind.numpy)
    with _naming:
        label, number = name, 0
        while label in _named:
            number += 1
            label = f"{name}_{number}"
        attrs = {"name": label, "shape": array.shape, "dtype": as_dtype(array.dtype)}
        node = apply(leaf.variable_op, (), attrs)
        result = _named[label] = node.adopt(Variable(node, 0))
    result.storage = _aligned(array)
    result.trainable, result.constraint = trainable, None
    result.changed()
    return result


def variables_of(tensors: list[Tensor]) -> list[Variable]:
    """The tensors as variables; DTypeError for any other tensor."""
    for t in tensors:
        if not isinstance(t, Variable):
            raise DTypeError("not a variable", received=repr(t), fix="make it with gx.variable")
    return [t for t in tensors if isinstance(t, Variable)]


def _aligned(array: np.ndarray) -> np.ndarray:
    room = np.zeros(array.nbytes + _ALIGN, np.uint8)
    start = -room.ctypes.data % _ALIGN
    view = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view
