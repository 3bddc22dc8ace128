"""tf.function: a Python function that becomes one compiled function when it is called.

Tensors and arrays among the arguments become inputs; everything else is part of what it is compiled
for. Assignments to variables, steps of optimizers and updates of layers are part of each call.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import update_wrapper
from types import MethodType
from typing import cast, final, overload

import numpy as np

from graphc.compiler import Function, function
from graphc.errors import DTypeError, ModeError
from graphc.frontend.effects import collecting_effects
from graphc.ir.graph import substitute, topological
from graphc.ir.mode import collecting_assignments, evaluating_with, is_eager
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree
from graphc.ops import leaf
from graphc.ops.variable import Variable

from .tape import recording

Python = Callable[..., object]
_eagerly: ContextVar[bool] = ContextVar("run functions eagerly", default=False)


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Whether functions are run by Python at each call; good for stepping through them."""
    _eagerly.set(run_eagerly)


@overload
def traced(func: Python) -> Traced: ...
@overload
def traced(func: None = None, **options: object) -> Callable[[Python], Traced]: ...
def traced(func: Python | None = None, **options: object) -> Traced | Callable[[Python], Traced]:
    """Compile a function of tensors when it is called; a decorator, with or without options.

    It runs as plain Python where a tape records it from outside, and where Python has to know the
    value of a tensor, as in `if x > 0`.
    """
    return Traced if func is None else Traced(func)


@dataclass(frozen=True, slots=True)
class Compiled:
    """The compiled function, where its results go, and what has to be done before each call."""

    run: Function | None
    result: object
    before: tuple[Callable[[], None], ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an input or a result number n stands in nested arguments."""

    number: int


@final
class Traced:
    """A function that compiles itself for each form of its arguments; made by `traced`."""

    def __init__(self, python_function: Python) -> None:
        self.python_function = python_function
        self._compiled: dict[Hashable, Compiled] = {}
        self._kept: list[object] = []
        update_wrapper(self, python_function)

    def __get__(self, owner: object, kind: type | None = None) -> Callable[..., object]:
        return self if owner is None else MethodType(self, owner)

    def __call__(self, *args: object, **kwargs: object) -> object:
        """The results as tensors, in the form in which the function answers them."""
        if _eagerly.get() or not is_eager() or recording():
            return self.python_function(*args, **kwargs)
        arrays: list[np.ndarray] = []
        form = _formed((args, kwargs), arrays)
        key = repr(form), tuple((a.shape, a.dtype.name) for a in arrays)
        try:
            if key not in self._compiled:
                # What the key knows by its identity must stay alive.
                self._kept.append((args, kwargs))
                self._compiled[key] = self._compile(form, arrays)
        except (ModeError, DTypeError):
            self._compiled[key] = Compiled(None, None, ())
        compiled = self._compiled[key]
        if compiled.run is None:
            return self.python_function(*args, **kwargs)
        for prepare in compiled.before:
            prepare()
        outputs = compiled.run(*arrays)
        flat = outputs if isinstance(outputs, list) else [outputs]
        return _filled(compiled.result, [leaf.eager_leaf(np.array(a)) for a in flat])

    def _compile(self, form: object, arrays: Sequence[np.ndarray]) -> Compiled:
        name = self.python_function.__name__.strip("<>")
        with evaluating_with(None):
            inputs = [
                leaf.placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(arrays)
            ]
            with (
                collecting_effects() as effects,
                collecting_assignments(cast(dict[Tensor, Tensor], effects.updates)),
            ):
                filled = _filled(form, inputs)
                assert isinstance(filled, tuple), "arguments by place and by name"
                args, kwargs = filled
                result = self.python_function(*args, **kwargs)
            results: list[Tensor] = []
            shape = _formed(result, results, of=Tensor)
            known = _without_values([*results, *effects.updates.values()])
            updates = dict(zip(effects.updates, known[len(results) :], strict=True))
            outputs: Tree[Tensor] = list(known[: len(results)])
            run = function(inputs, outputs, updates=updates, name=name)
        return Compiled(run, shape, tuple(effects.preparations))


def _formed(
    value: object, found: list, of: type | tuple[type, ...] = (Tensor, np.ndarray)
) -> object:
    """Nested arguments with places for the tensors and arrays, which are put into `found`."""
    if isinstance(value, Variable) and of is not Tensor:
        return value
    if isinstance(value, of):
        found.append(value.numpy() if isinstance(value, Tensor) and of is not Tensor else value)
        return _Place(len(found) - 1)
    if isinstance(value, Mapping):
        return {name: _formed(entry, found, of) for name, entry in value.items()}
    if isinstance(value, tuple | list):
        parts = [_formed(entry, found, of) for entry in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


def _filled(form: object, values: Sequence[Tensor]) -> object:
    if isinstance(form, _Place):
        return values[form.number]
    if isinstance(form, Mapping):
        return {name: _filled(entry, values) for name, entry in form.items()}
    if isinstance(form, tuple | list):
        parts = [_filled(entry, values) for entry in form]
        return parts if isinstance(form, list) else tuple(parts)
    return form


def _without_values(tensors: list[Tensor]) -> list[Tensor]:
    """The same, where values that were computed before are constants."""
    nodes = [n for n in topological(tensors) if n.op is leaf.eager_op]
    constants = {
        t: leaf.constant(v) for n in nodes for t in n.outputs if (v := t.concrete()) is not None
    }
    return list(substitute(tensors, constants)) if constants else tensors
