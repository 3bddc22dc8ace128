"""Values given to a compiled function, checked against its inputs: arrays, sizes, names.

Everything a caller can get wrong is found here, before native code runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, cast

import numpy as np

from graphc.batches import Batches, cut_inputs, row_numbers, stretches
from graphc.dtypes import DType
from graphc.errors import FeedError, FeedTypeError, UnknownNameError
from graphc.ir.dim import Dim, Size, evaluate, names_of, substitute
from graphc.ir.node import Tensor
from graphc.passes.unify_sizes import SizeCheck

KNOWN_SHAPES = 256
"""For how many combinations of shapes a function remembers the sizes."""


class Resident(Protocol):
    """An array in the memory of a device, where a backend can use it."""

    shape: tuple[int, ...]
    dtype: DType

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        ...

    def __len__(self) -> int: ...


Given: TypeAlias = np.ndarray | Resident
Adopt = Callable[[object], Resident | None]
_Shapes = tuple[tuple[int, ...], ...]


class Feeder:
    """Checks the values of a call against the inputs; what it learns of shapes is kept.

    `adopt` finds arrays in the memory of the device that runs the function, which stay there.
    """

    def __init__(
        self, inputs: Sequence[Tensor], checks: Sequence[SizeCheck], what: str,
        adopt: Adopt | None = None,
    ) -> None:  # fmt: skip
        self._adopt = adopt
        self.inputs, self.checks, self.what = tuple(inputs), tuple(checks), what
        self._wanted = tuple((t, t.dtype.numpy, t.ndim) for t in self.inputs)
        self._known: dict[_Shapes, Mapping[str, int]] = {}

    def __call__(
        self, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> tuple[list[Given], Mapping[str, int]]:
        """An array for each input, and the value of every named size.

        Raises:
            FeedError: values that do not fit the inputs, or each other; and its subclasses.
        """
        arrays = self._arrays(args, kwargs)
        return arrays, self._sizes(tuple([array.shape for array in arrays]))

    def batches(
        self, args: Sequence[object], kwargs: Mapping[str, object], size: int, order: object
    ) -> Batches:
        """Arrays for many calls, of `size` rows each, and the value of every named size in them."""
        arrays = self._arrays(args, kwargs)
        is_cut = cut_inputs(self.inputs, self.what)
        counts = {len(a) for a, cut in zip(arrays, is_cut) if cut}
        if len(counts) != 1 or size < 1:
            raise FeedError(
                f"the arrays for {self.what} cannot be cut into batches",
                received=f"{', '.join(map(str, counts))} rows, batches of {size}",
                expected="as many rows in each, and a positive size",
            )
        (count,) = counts
        rows = None if order is None else row_numbers(order, count, self.what)
        if not (count if rows is None else len(rows)):
            raise FeedError(f"there are no rows for batches of {self.what}")

        def sizes(number: int) -> Mapping[str, int]:
            return self._sizes(
                tuple((number, *a.shape[1:]) if cut else a.shape for a, cut in zip(arrays, is_cut))
            )

        found = stretches(count if rows is None else len(rows), size, sizes)
        # Those of a device are for executables that cut them there.
        given = cast(tuple[np.ndarray, ...], tuple(arrays))
        return Batches(given, is_cut, rows, (), tuple(found))

    def _arrays(self, args: Sequence[object], kwargs: Mapping[str, object]) -> list[Given]:
        wanted = self._wanted
        if kwargs or len(args) != len(wanted):
            args = bind(self.inputs, args, kwargs, self.what)
        arrays: list[Given] = []
        for value, (tensor, dtype, ndim) in zip(args, wanted):
            fits = (
                type(value) is np.ndarray
                and value.dtype is dtype
                and value.ndim == ndim
                and value.flags.c_contiguous
            )
            arrays.append(value if fits else self._given(value, tensor))  # pyright: ignore[reportArgumentType]
        return arrays

    def _given(self, value: object, tensor: Tensor) -> Given:
        if self._adopt is not None and not isinstance(value, np.ndarray | Tensor | list | float):
            there = self._adopt(value)
            if there is not None:
                return resident(there, tensor)
        return as_feed(value, tensor)

    def sizes(self, shapes: Sequence[Sequence[int]]) -> Mapping[str, int]:
        """The value of every named size where inputs have these shapes."""
        given = bind(self.inputs, shapes, {}, self.what)
        for t, shape in zip(self.inputs, shapes):
            if len(shape) != t.ndim:
                raise FeedError(
                    f"the input {t.name} has {t.ndim} axes", received=shape, expected=str(t.type)
                )
        return self._sizes(tuple(tuple(map(int, shape)) for shape in shapes[: len(given)]))

    def _sizes(self, shapes: _Shapes) -> Mapping[str, int]:
        sizes = self._known.get(shapes)
        if sizes is None:
            sizes = solve_sizes(self.inputs, shapes, self.what)
            check_sizes(self.checks, sizes)
            if len(self._known) >= KNOWN_SHAPES:
                self._known.clear()
            self._known[shapes] = sizes
        return sizes


def bind(
    inputs: Sequence[Tensor], args: Sequence[object], kwargs: Mapping[str, object], what: str
) -> list[object]:
    """One value per input, from positions and names."""
    names = [t.name for t in inputs]
    if len(args) > len(names):
        raise FeedError(
            f"{what} has too many arguments", received=len(args), expected=", ".join(names)
        )
    given = dict(zip(names, args))
    for name, value in kwargs.items():
        if name not in names:
            raise UnknownNameError(
                f"{what} has no input of that name", received=name, expected=", ".join(names)
            )
        if name in given:
            raise FeedError(f"the input {name} of {what} is given twice")
        given[name] = value
    missing = [n for n in names if n not in given]
    if missing:
        raise FeedError(
            f"{what} lacks a value for {', '.join(missing)}",
            received=", ".join(given) or "nothing",
            expected=", ".join(names),
        )
    return [given[n] for n in names]


def as_feed(value: object, tensor: Tensor) -> np.ndarray:
    """A C-contiguous array of the input's dtype and rank; numbers are converted if none is lost."""
    if isinstance(value, Tensor):
        array = value.numpy()
    else:
        try:
            array = np.asarray(value)
        except ValueError:
            raise _not_numbers(tensor, "a nested list of differing lengths") from None
    wanted = tensor.dtype
    if array.dtype != wanted.numpy:
        array = _convert(array, tensor, wanted)
    if array.ndim != tensor.ndim:
        raise FeedError(
            f"the input {tensor.name} has {tensor.ndim} axes",
            received=f"an array of shape {array.shape}",
            expected=str(tensor.type),
        )
    return np.ascontiguousarray(array) if array.ndim else array


def resident(array: Resident, tensor: Tensor) -> Resident:
    """An array of a device, which is taken as it is."""
    if array.dtype is not tensor.dtype or array.ndim != tensor.ndim:
        raise FeedTypeError(
            f"the input {tensor.name} takes another array of the device",
            received=f"{array.dtype} of shape {array.shape}",
            expected=str(tensor.type),
            fix="convert it where it comes from: here it is used where it is",
        )
    return array


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2}


def _convert(array: np.ndarray, tensor: Tensor, wanted: DType) -> np.ndarray:
    kind = "f" if array.dtype.name == "bfloat16" else array.dtype.kind
    if kind not in "biuf":
        raise _not_numbers(tensor, f"an array of dtype {array.dtype}")
    if _RANK[kind] > _RANK[wanted.kind] and array.size:
        raise FeedTypeError(
            f"the input {tensor.name} is {wanted}",
            received=f"an array of {array.dtype}",
            expected=str(tensor.type),
            fix="convert it with .astype, where the loss is meant",
        )
    if wanted.is_integer and array.size:
        limits, low, high = np.iinfo(wanted.numpy), array.min(), array.max()
        if low < limits.min or high > limits.max:
            raise FeedError(
                f"a value of the input {tensor.name} does not fit into {wanted}",
                received=f"{low} .. {high}",
                expected=f"{limits.min} .. {limits.max}",
            )
    with np.errstate(over="ignore"):
        return array.astype(wanted.numpy)


def _not_numbers(tensor: Tensor, received: str) -> FeedTypeError:
    return FeedTypeError(
        f"the input {tensor.name} takes an array of numbers",
        received=received,
        expected=str(tensor.type),
    )


def solve_sizes(
    inputs: Sequence[Tensor], shapes: Sequence[tuple[int, ...]], what: str
) -> dict[str, int]:
    """The named sizes from the shapes of arrays; FeedError where shapes contradict."""
    known: dict[str, int] = {}
    where: dict[str, str] = {}
    pending = [
        (t, i, s, shape[i]) for t, shape in zip(inputs, shapes) for i, s in enumerate(t.shape)
    ]
    for tensor, axis, size, actual in sorted(pending, key=lambda p: _difficulty(p[2])):
        size = substitute(size, known)
        if isinstance(size, Dim) and len(names := names_of(size)) == 1:
            (name,) = names
            value = _solve(size, name, actual)
            if value is not None:
                known[name], where[name] = value, f"{tensor.name}.shape[{axis}]"
                continue
        if isinstance(size, Dim) or size != actual:
            raise _wrong_size(tensor, axis, actual, known, where, what)
    return known


def _difficulty(size: Size) -> tuple[int, int]:
    return (len(names_of(size)), 0 if isinstance(size, int) else len(size.terms))


def _solve(size: Dim, name: str, actual: int) -> int | None:
    """The value >= 0 of the one name in a polynomial that grows with it."""
    low, high = 0, max(actual, 1)
    while evaluate(size, {name: high}) < actual:
        if high >= 1 << 62:
            return None
        high *= 2
    while low < high:
        middle = (low + high) // 2
        if evaluate(size, {name: middle}) < actual:
            low = middle + 1
        else:
            high = middle
    return low if evaluate(size, {name: low}) == actual else None


def _wrong_size(
    tensor: Tensor, axis: int, actual: int, known: dict[str, int], where: dict[str, str], what: str
) -> FeedError:
    size = tensor.shape[axis]
    named = sorted(names_of(size) & set(known))
    facts = ", ".join(f"{n} = {known[n]} from {where[n]}" for n in named)
    return FeedError(
        f"axis {axis} of the input {tensor.name} of {what} does not fit",
        received=actual,
        expected=f"{size}" + (f" where {facts}" if facts else ""),
        source=tensor.node.source,
    )


def check_sizes(checks: Sequence[SizeCheck], sizes: Mapping[str, int]) -> None:
    """What building took for granted about sizes."""
    for check in checks:
        left, right = evaluate(check.left, sizes), evaluate(check.right, sizes)
        holds = left == right if check.relation == "==" else left <= right
        if not holds:
            raise FeedError(
                f"sizes that meet in {check.node_label} do not fit",
                received=f"{check.left} = {left}, {check.right} = {right}",
                expected=str(check),
                source=check.source,
            )
