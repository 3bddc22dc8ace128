"""`jit`: a Python function of arrays, traced once per form of its arguments and compiled."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Sequence
from functools import update_wrapper
from typing import final, overload

import numpy as np

from graphc.compiler import Function, function
from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, like, tree_map
from graphc.ops import convert, leaf

from .effects import collecting_effects
from .structure import has_tensor, map_arrays

Traced = Callable[..., Tree[Tensor]]


@overload
def jit(traced: Traced) -> Jitted: ...
@overload
def jit(
    *, static: Sequence[str] = (), symbolic: bool = False, target: str | None = None
) -> Callable[[Traced], Jitted]: ...
def jit(
    traced: Traced | None = None, *, static: Sequence[str] = (), symbolic: bool = False,
    target: str | None = None,
) -> Jitted | Callable[[Traced], Jitted]:  # fmt: skip
    """Compile a function of arrays when it is called; the results are arrays.

    It is traced again for arguments of other shapes or dtypes, and for other values of the `static`
    arguments, which stay Python values. With `symbolic` the first size of each argument is not part
    of its form, so one compile serves every length. Called with tensors it becomes part of their
    graph. What layers inside change is changed by each call.

    >>> @jit(target="reference")
    ... def norm(x):
    ...     return (x * x).sum()
    >>> float(norm([3.0, 4.0]))
    25.0
    """
    if traced is None:
        return lambda given: Jitted(given, tuple(static), symbolic, target)
    return Jitted(traced, tuple(static), symbolic, target)


@final
class Jitted:
    """A function that compiles itself; made by `jit`."""

    def __init__(
        self, traced: Traced, static: tuple[str, ...], symbolic: bool, target: str | None
    ) -> None:
        self.traced, self.static, self.symbolic, self.target = traced, static, symbolic, target
        self.signature = inspect.signature(traced)
        self.functions: dict[Hashable, Function] = {}
        update_wrapper(self, traced)
        if unknown := set(static) - set(self.signature.parameters):
            raise ArgumentError(
                f"{self.name} has no argument of that name",
                received=", ".join(sorted(unknown)),
                expected=", ".join(self.signature.parameters),
            )

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.traced.__name__

    def __call__(self, /, *args: object, **kwargs: object) -> Tree[np.ndarray]:
        """The results as arrays; as tensors, if there are tensors among the arguments."""
        if has_tensor((*args, kwargs)):
            return self.traced(*args, **kwargs)  # pyright: ignore[reportReturnType]
        given = self.signature.bind(*args, **kwargs)
        return self.compiled_for(*args, **kwargs)(*leaves(self._arrays(given)))

    def compiled_for(self, /, *args: object, **kwargs: object) -> Function:
        """The compiled function that a call with these arguments runs."""
        given = self.signature.bind(*args, **kwargs)
        tree = self._arrays(given)
        arrays = leaves(tree)
        fixed = tuple((n, v) for n, v in given.arguments.items() if n in self.static)
        shapes = tuple((self._sizes(a), a.dtype.name) for a in arrays)
        key = fixed, repr(like(tree, ["array"] * len(arrays))), shapes
        try:
            found = self.functions.get(key)
        except TypeError:
            raise ArgumentError(
                f"static arguments of {self.name} are values that can be dictionary keys",
                received=repr(fixed),
            ) from None
        if found is None:
            found = self.functions[key] = self._compile(given, tree)
        return found

    def _compile(self, given: inspect.BoundArguments, tree: Tree[np.ndarray]) -> Function:
        inputs: dict[str, Tree[Tensor]] = {}
        assert isinstance(tree, dict), "arguments by name"
        for name, part in tree.items():
            count = len(leaves(part))
            names = iter([name] if count == 1 else [f"{name}_{i}" for i in range(count)])
            inputs[name] = tree_map(lambda x, n=names: self._placeholder(x, next(n)), part)  # pyright: ignore
        given.arguments.update(inputs)
        with collecting_effects() as effects:
            outputs = tree_map(convert.as_tensor, self.traced(*given.args, **given.kwargs))
        return function(
            leaves(inputs),
            outputs,  # pyright: ignore[reportArgumentType]
            updates=effects.updates,
            target=self.target,
            name=self.name,
        )

    def _arrays(self, given: inspect.BoundArguments) -> Tree[np.ndarray]:
        """The arguments that are no static ones, by name."""
        named = {n: v for n, v in given.arguments.items() if n not in self.static}
        return map_arrays(lambda v: None if v is None else leaf.as_array(v), named)  # pyright: ignore

    def _placeholder(self, array: np.ndarray, name: str) -> Tensor:
        return leaf.placeholder(self._sizes(array), array.dtype, name=name)

    def _sizes(self, array: np.ndarray) -> tuple[int | None, ...]:
        lead = (None,) if self.symbolic and array.ndim else array.shape[:1]
        return (*lead, *array.shape[1:])
