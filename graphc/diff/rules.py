"""The table of derivatives, one entry per op, and the kinds of rules that fill it.

A rule is called as `rule(ct, y, *inputs, **attrs)` and answers the cotangent of one input: `ct` is
the cotangent of the output, `y` the op's own output (both are tuples for an op with several
outputs, and `ct` then has None where nothing flows). Rules build graph with the public ops, so
they can be differentiated again. The walks over a graph are in walk.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from graphc.ir.mode import build
from graphc.ir.node import Node, Op, Tensor
from graphc.ops import elementwise, leaf

Flow = Sequence[Tensor | None]  # cotangents or tangents; None is zero
Rule = Callable[..., Tensor]
Pull = Callable[[Node, Flow, Sequence[bool]], Flow]
Push = Callable[[Node, Flow], Flow | None]


@dataclass(frozen=True, slots=True)
class Derivative:
    """What one op does to cotangents and tangents.

    `pull(node, cts of the outputs, wanted inputs)` answers the cotangents of the inputs,
    `push(node, tangents of the inputs)` the tangents of the outputs. Without a `pull` the
    derivative is zero; without a `push`, or where it answers None, tangents follow from `pull`,
    which is linear (walk.py).
    """

    pull: Pull | None = None
    push: Push | None = None


DERIVATIVES: dict[Op, Derivative] = {}


def zero_derivative(*ops: Op) -> None:
    """Ops whose outputs do not change with their inputs, or are no floats."""
    for op in ops:
        _enter(op, Derivative())


def pointwise(op: Op, *rules: Rule | None) -> None:
    """An elementwise op: `rule` multiplies ct by the partial derivative, one rule per input.

    The Jacobian is diagonal, so the same expression is also its own transpose: it carries
    tangents forward.
    """

    def push(node: Node, tangents: Flow) -> Flow:
        y = node.output()
        parts = [
            rule(t, y, *node.inputs, **node.attrs)
            for rule, t in zip(rules, tangents, strict=True)
            if rule is not None and t is not None
        ]
        return [total(parts)]

    _enter(op, Derivative(_pull_each(rules), push))


def linear(op: Op, *transposes: Rule | None) -> None:
    """An op that is linear in all inputs that have a rule together; the rules are its transpose.

    Inputs without a rule (indices) only say which linear map it is.
    """

    def push(node: Node, tangents: Flow) -> Flow:
        inputs = [
            x if rule is None else zeros_like(x) if t is None else t
            for x, rule, t in zip(node.inputs, transposes, tangents, strict=True)
        ]
        return build(op, tuple(inputs), node.attrs)

    _enter(op, Derivative(_pull_each(transposes), push))


def bilinear(op: Op, left: Rule, right: Rule) -> None:
    """A product of two inputs, linear in each: one transpose for each."""

    def push(node: Node, tangents: Flow) -> Flow:
        (a, b), (da, db) = node.inputs, tangents
        left_part = build(op, (da, b), node.attrs) if da is not None else ()
        right_part = build(op, (a, db), node.attrs) if db is not None else ()
        return [total([*left_part, *right_part])]

    _enter(op, Derivative(_pull_each((left, right)), push))


def vjp(op: Op, *rules: Rule | None) -> None:
    """Any op: one rule per input, None for inputs without a derivative."""
    _enter(op, Derivative(_pull_each(rules)))


def vjp_together(op: Op, rule: Callable[..., Flow]) -> None:
    """An op whose inputs are treated together: `rule(cts, ys, inputs, wanted, **attrs)`.

    `cts` and `ys` are tuples, `wanted` says which inputs need a cotangent.
    """

    def pull(node: Node, cts: Flow, wanted: Sequence[bool]) -> Flow:
        return rule(cts, node.outputs, node.inputs, wanted, **node.attrs)

    _enter(op, Derivative(pull))


def jvp(op: Op, rule: Callable[..., Flow | None]) -> None:
    """Forward mode of an op that has a vjp: `rule(tangents, *inputs, **attrs)`.

    It answers the tangents of all outputs, or None where the vjp is to be transposed.
    """
    known = DERIVATIVES[op]
    assert known.push is None, f"there is one forward rule for {op.name}"

    def push(node: Node, tangents: Flow) -> Flow | None:
        return rule(tangents, *node.inputs, **node.attrs)

    DERIVATIVES[op] = replace(known, push=push)


# ---------------------------------------------------------------------------- what rules need


def zeros_like(x: Tensor) -> Tensor:
    """Zeros of the type of x."""
    return leaf.uniform(x.shape, 0, x.dtype)


def total(parts: Sequence[Tensor]) -> Tensor | None:
    """The sum from left to right; None for no parts."""
    result: Tensor | None = None
    for part in parts:
        result = part if result is None else elementwise.add(result, part)
    return result


def _pull_each(rules: Sequence[Rule | None]) -> Pull:
    def pull(node: Node, cts: Flow, wanted: Sequence[bool]) -> Flow:
        several = len(node.types) > 1
        ct, y = (cts, node.outputs) if several else (cts[0], node.output())
        return [
            rule(ct, y, *node.inputs, **node.attrs) if want and rule is not None else None
            for rule, want in zip(rules, wanted, strict=True)
        ]

    return pull


def _enter(op: Op, derivative: Derivative) -> None:
    assert op not in DERIVATIVES, f"there is one derivative of {op.name}"
    DERIVATIVES[op] = derivative
