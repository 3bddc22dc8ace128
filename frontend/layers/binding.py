"""What the arguments of a call are for: which are tensors, what `build` is told, which masks fit.

A layer's `call` may take several tensors: `build` takes a shape for each that it names, as in
build(self, query_shape, key_shape) for call(self, query, key); and `call` takes their masks, as in
call(self, query, key, query_mask=None, key_mask=None).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np

from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError, NotSupportedError
from graphc.frontend.masks import mask_of, set_mask
from graphc.frontend.structure import has_tensor
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, tree_map
from graphc.ops import convert
from graphc.ops.leaf import placeholder

from .spec import build_shape

Named = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a method by name, and whether it takes any others."""

    names: tuple[str, ...]
    required: frozenset[str]
    open: bool

    def named(self, given: tuple[object, ...], options: Named) -> dict[str, object]:
        """The arguments of a call by name."""
        return {**dict(zip(self.names, given)), **options}


@cache
def parameters_of(kind: type, method: str) -> Parameters:
    """Those of a method of a layer class, without `self`.

    Raises:
        NotSupportedError: no class among its bases has the method.
    """
    found = next((vars(k)[method] for k in kind.__mro__ if method in vars(k)), None)
    if found is None:
        raise NotSupportedError(
            f"{kind.__name__} does not say what it computes",
            received=f"a layer that does not have a `{method}` method implemented.",
            fix="define call(self, inputs) or call(self, inputs, training)",
        )
    every = list(inspect.signature(found).parameters.values())[1:]
    plain = [p for p in every if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return Parameters(
        tuple(p.name for p in plain),
        frozenset(p.name for p in plain if p.default is p.empty),
        any(p.kind is p.VAR_KEYWORD for p in every),
    )


def tensors_among(arguments: Named) -> dict[str, object]:
    """The arguments that hold tensors and are no masks."""
    return {
        name: value
        for name, value in arguments.items()
        if name != "mask" and not name.endswith("_mask") and has_tensor(value)
    }


def shapes_for(kind: type, arguments: Named) -> dict[str, object]:
    """What `build` is told for a call with these arguments.

    A `build` of one parameter takes the shape of the first, in the form of that argument.

    Raises:
        ArgumentError: `build` has several parameters, one of which is no shape of an argument.
    """
    wanted = parameters_of(kind, "build")
    first = next(iter(arguments.values()))
    if len(wanted.names) <= 1:
        return {wanted.names[0]: shapes_of(first)} if wanted.names else {}
    taken = parameters_of(kind, "call").names
    for name in wanted.names:
        if not name.endswith("_shape") or name.removesuffix("_shape") not in taken:
            raise ArgumentError(
                f"build of {kind.__name__} takes shapes of arguments of call",
                received=f"the argument `{name}`",
                expected=", ".join(f"{n}_shape" for n in taken),
            )
    given = {f"{name}_shape": value for name, value in arguments.items() if has_tensor(value)}
    return {name: shapes_of(given[name]) for name in wanted.names if name in given}


def masks_for(wanted: tuple[str, ...], arguments: Named) -> dict[str, object]:
    """The masks that a `call` with these parameters takes and was not given, by name."""
    found: dict[str, object] = {}
    for position, (name, value) in enumerate(tensors_among(arguments).items()):
        for parameter in (f"{name}_mask", *(("mask",) if position == 0 else ())):
            if parameter in wanted and arguments.get(parameter) is None:
                found[parameter] = masks_of(value)
    return found


def masks_of(tensors: object) -> Tree[Tensor]:
    """The masks of nested tensors, None where there is none."""
    return _mapped(mask_of, tensors)  # pyright: ignore[reportReturnType]


def keep_masks(outputs: Tree[Tensor], masks: Tree[Tensor]) -> None:
    """Give outputs their masks; one mask is that of the first output."""
    flat = leaves(outputs)
    if isinstance(masks, Tensor):
        set_mask(flat[0], masks)
    elif isinstance(masks, tuple | list) and len(masks) == len(flat):
        for output, mask in zip(flat, masks):
            if isinstance(mask, Tensor):
                set_mask(output, mask)


def converted(value: object, convert_one: Callable[[object], Tensor]) -> object:
    """Nested arrays and tensors converted; anything else as it is."""
    if isinstance(value, Tensor | np.ndarray):
        return convert_one(value)
    if isinstance(value, dict):
        return {name: converted(entry, convert_one) for name, entry in value.items()}
    if isinstance(value, tuple | list):
        parts = [converted(entry, convert_one) for entry in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


def are_known(value: object) -> bool:
    """Whether all tensors in nested arguments have values."""
    return all(t.concrete() is not None for t in tensors_in(value))


def tensors_in(value: object) -> list[Tensor]:
    """The tensors in nested arguments."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [t for entry in value for t in tensors_in(entry)]
    return [value] if isinstance(value, Tensor) else []


def as_float(tensor: Tensor, dtype: object) -> Tensor:
    """The tensor in another dtype, with its mask."""
    result = convert.cast(tensor, dtype)  # pyright: ignore[reportArgumentType]
    if result is not tensor and (mask := mask_of(tensor)) is not None:
        set_mask(result, mask)
    return result


def shapes_of(tensors: object) -> object:
    """One shape per tensor, nested as the tensors are."""
    return _mapped(lambda t: build_shape(t.shape), tensors)


def placeholders(shapes: object, dtype: DTypeLike) -> Tree[Tensor]:
    """A placeholder for each of nested shapes."""
    if isinstance(shapes, dict):
        return {name: placeholders(entry, dtype) for name, entry in shapes.items()}
    if isinstance(shapes, tuple | list) and any(isinstance(s, tuple | list | dict) for s in shapes):
        parts = [placeholders(entry, dtype) for entry in shapes]
        return parts if isinstance(shapes, list) else tuple(parts)
    return placeholder(cast(Sequence[int | None], shapes), dtype)


def _mapped(function: Callable[[Tensor], object], value: object) -> object:
    return tree_map(function, value)  # pyright: ignore[reportArgumentType]
