"""A rule is data: an equation for people, and what turns its left side into its right side.

`rule` takes the two sides as expressions, for elementwise equations; `law` takes a function, for
equations whose attributes (axes, shapes, bounds) are worked out. Both carry examples, so that one
test checks every rule against numbers. The walk that applies rules is in `engine.py`.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal, NamedTuple

import ml_dtypes

from graphc import dtypes
from graphc.dtypes import DType, Number
from graphc.ir.node import Node, Op, Tensor, apply
from graphc.ops import leaf
from graphc.provenance import Source, building_for

# How far an equation holds for floats; for integers and bools every rule holds for all values.
#   exact    the same values, where 0.0 and -0.0 are one value and all NaNs are one value
#   real     the same real number; rounding may differ
#   finite   exact where nothing is infinite or NaN
Holds = Literal["exact", "real", "finite"]

Value = Tensor | Number
Sides = Callable[..., tuple[Tensor, Value]]
Interval = tuple[float, float]

# Numbers in patterns are nodes that user graphs share; they belong to no line of a program.
_NOWHERE = Source("<rules>", 0)
# Numbers that stand for the number variables of a rule in its pattern; no rule mentions them.
_NUMBERS = {"a": 7919.25, "b": 7927.25, "c": 7933.25}
_KINDS: dict[str, tuple[DType, ...]] = {
    "f": (dtypes.float32, dtypes.float64),
    "i": (dtypes.int32, dtypes.int8),
    "u": (dtypes.uint8,),
    "b": (dtypes.bool_,),
}
_SAMPLES = ((3.0, 7.0, 5.0), (-2.0, 5.0, 1.0), (4.0, 4.0, 4.0), (2.0, 1.0, -1.0), (0.5, 2.0, 2.0))


class Head(NamedTuple):
    """Where a rule may apply: the op of a node, and those of its inputs where they are known."""

    op: Op
    children: tuple[Op | None, ...]
    apply: Callable[[Node], Tensor | None]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """`equation` is what a reader sees and a report prints; `heads` are what the engine uses.

    `examples` builds left sides on placeholders; values in `over` are inside the rule's domain.
    """

    equation: str
    holds: Holds
    heads: tuple[Head, ...]
    examples: Callable[[], Iterable[Tensor]]
    over: Interval

    def __repr__(self) -> str:
        return f"<rule {self.equation}>"


def rule(
    equation: str, sides: Sides, holds: Holds = "exact", *, kinds: str = "f",
    when: Callable[..., bool] | None = None, over: Interval = (-2.0, 2.0),
) -> Rule:  # fmt: skip
    """An equation between elementwise expressions, as a function from its variables to both sides.

    The letter of a variable says what it stands for: x, y, z are tensors of one dtype (of `kinds`:
    b, i, u, f), p, q are bool tensors, a, b, c are numbers. Numbers match uniform tensors of any
    shape. Commutative ops match in both orders. `when` is asked with the values of the variables.

    >>> from graphc.ops.elementwise import exp, log
    >>> rule("log(exp(x)) = x", lambda x: (log(exp(x)), x), holds="real")
    <rule log(exp(x)) = x>
    """
    names = tuple(inspect.signature(sides).parameters)
    dtype = next(iter(_KINDS[k][0] for k in "fiub" if k in kinds))
    with building_for(_NOWHERE):
        variables = tuple(_variable(name, dtype) for name in names)
        left, _ = sides(*variables)
        patterns = _orders(left)
    heads = tuple(
        Head(
            left.node.op,
            tuple(map(_known_op, pattern.node.inputs)),
            partial(_rewrite, sides, variables, kinds, when, pattern),
        )
        for pattern in patterns
    )
    return Rule(equation, holds, heads, partial(_examples, sides, names, kinds, when), over)


def law(
    equation: str, ops: Op | Iterable[Op], function: Callable[[Node], Tensor | None],
    *examples: Callable[[], Tensor], holds: Holds = "exact", over: Interval = (-2.0, 2.0),
) -> Rule:  # fmt: skip
    """An equation whose right side a function works out, or None where it does not apply."""
    heads = tuple(Head(op, (), function) for op in ((ops,) if isinstance(ops, Op) else ops))
    return Rule(equation, holds, heads, lambda: (build() for build in examples), over)


# ---------------------------------------------------------------------------- matching


def _variable(name: str, dtype: DType) -> Value:
    if name[0] in _NUMBERS:
        return _NUMBERS[name[0]]
    return leaf.placeholder((), dtypes.bool_ if name[0] in "pq" else dtype, name=f"?{name}")


def _known_op(pattern: Tensor) -> Op | None:
    op = pattern.node.op
    return None if op is leaf.placeholder_op else op


def _orders(pattern: Tensor) -> list[Tensor]:
    """The pattern with the inputs of its commutative ops in every order."""
    node, found = pattern.node, dict[Tensor, None]()
    for inputs in itertools.product(*map(_orders, node.inputs)):
        orders = [inputs, inputs[::-1]] if "commutative" in node.op.traits else [inputs]
        found.update((apply(node.op, order, node.attrs).output(), None) for order in orders)
    return list(found)


def _rewrite(
    sides: Sides, variables: tuple[Value, ...], kinds: str, when: Callable[..., bool] | None,
    pattern: Tensor, node: Node,
) -> Tensor | None:  # fmt: skip
    """The right side with the values that the pattern finds in a node, or None."""
    found: dict[Value, Value] = {}
    if not all(_match(p, t, found) for p, t in zip(pattern.node.inputs, node.inputs)):
        return None
    if not all(_is_allowed(v, t, kinds) for v, t in found.items()):
        return None
    values = [found[v] for v in variables]
    if when is not None and not when(*values):
        return None
    right = sides(*values)[1]
    kind = node.types[0]
    result = right if isinstance(right, Tensor) else leaf.uniform(*_uniform(right, node))
    return result if result.type == kind else None


def _uniform(value: Number, node: Node) -> tuple[tuple[int, ...], Number, DType]:
    return node.types[0].shape, value, node.types[0].dtype  # pyright: ignore[reportReturnType]


def _match(pattern: Tensor, tensor: Tensor, found: dict[Value, Value]) -> bool:
    expected, node = pattern.node, tensor.node
    if expected.op is leaf.placeholder_op:
        return found.setdefault(pattern, tensor) is tensor
    if expected.op is not node.op:
        return False
    if expected.op is leaf.full_op:
        wanted, value = expected.attrs["value"], node.attrs["value"]
        if wanted in _NUMBERS.values():
            return found.setdefault(wanted, value) == value  # pyright: ignore
        return value == wanted
    return all(_match(p, t, found) for p, t in zip(expected.inputs, node.inputs))


def _is_allowed(variable: Value, value: Value, kinds: str) -> bool:
    if not isinstance(variable, Tensor) or not isinstance(value, Tensor):
        return True
    return value.dtype.kind in ("b" if variable.dtype is dtypes.bool_ else kinds)


# ---------------------------------------------------------------------------- examples


def _examples(
    sides: Sides, names: tuple[str, ...], kinds: str, when: Callable[..., bool] | None
) -> Iterator[Tensor]:
    """Left sides for every dtype, over matrices and scalars, with numbers that satisfy `when`."""
    for dtype in (d for k in kinds for d in _KINDS[k]):
        for shape in ((3, 4), ()):
            values = _first_allowed(names, dtype, shape, when)
            if values is not None:
                yield sides(*values)[0]


def _first_allowed(
    names: tuple[str, ...], dtype: DType, shape: tuple[int, ...], when: Callable[..., bool] | None
) -> list[Value] | None:
    for sample in _SAMPLES:
        numbers = iter(sample)
        values: list[Value] = []
        for name in names:
            if name[0] in _NUMBERS:
                number = next(numbers)
                values.append(number if dtype.is_float else int(number))
            else:
                kind = dtypes.bool_ if name[0] in "pq" else dtype
                values.append(leaf.placeholder(shape, kind, name=name))
        if all(fits(v, dtype) for v in values if not isinstance(v, Tensor)) and (
            when is None or when(*values)
        ):
            return values
    return None


# ---------------------------------------------------------------------------- conditions


def fits(value: Number, dtype: DType) -> bool:
    """Whether a dtype holds a number: in range, and for floats neither infinite nor subnormal."""
    if not dtype.is_float:
        low, high = (0, 1) if dtype.kind == "b" else _limits(dtype)
        return value == int(value) and low <= value <= high
    smallest, largest = _limits(dtype)
    return value == 0 or smallest <= abs(value) <= largest


@cache
def _limits(dtype: DType) -> tuple[float, float]:
    if dtype.is_float:
        info = ml_dtypes.finfo(dtype.numpy)
        return float(info.tiny), float(info.max)
    bits = dtype.bits
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dtype.kind == "i" else (0, 2**bits - 1)
