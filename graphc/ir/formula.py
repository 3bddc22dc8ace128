"""A tensor as a formula for people: infix, few parentheses, names for what is used several times.

    >>> from graphc.ops import leaf
    >>> from graphc.ops.elementwise import exp
    >>> x, y = leaf.placeholder((3,), name="x"), leaf.placeholder((), name="y")
    >>> formula(x * x + exp(-y) * 2)
    'x**2 + 2 * exp(-y)'

What only repeats or renames axes is left out, so a formula says less than the printed form
(`printer.py`), which can be read back.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from graphc.dtypes import DType

from .graph import Graph, topological
from .literal import Literal
from .node import AttrValue, Node, Tensor

SHARED = 12  # A part used more than once gets a name if its text is longer than this,
LONG = 160  # and so does any part longer than this.


class Text(NamedTuple):
    """A formula and how tightly its outermost operator binds."""

    text: str
    binding: int


# How tightly operators bind, as in Python; ATOM needs no parentheses anywhere.
OR, AND, NOT, COMPARE, BIT_OR, BIT_XOR, BIT_AND, SHIFT, SUM, PRODUCT, SIGN, POWER, ATOM = range(13)

# fmt: off
_INFIX: dict[str, tuple[str, int]] = {
    "add": ("+", SUM),            "sub": ("-", SUM),              "mul": ("*", PRODUCT),
    "div": ("/", PRODUCT),        "floor_divide": ("//", PRODUCT), "remainder": ("%", PRODUCT),
    "equal": ("==", COMPARE),     "not_equal": ("!=", COMPARE),   "less": ("<", COMPARE),
    "less_equal": ("<=", COMPARE), "logical_and": ("and", AND),   "logical_or": ("or", OR),
    "logical_xor": ("^", BIT_XOR), "bitwise_and": ("&", BIT_AND), "bitwise_or": ("|", BIT_OR),
    "bitwise_xor": ("^", BIT_XOR), "shift_left": ("<<", SHIFT),   "shift_right": (">>", SHIFT),
}
_PREFIX: dict[str, tuple[str, int]] = {
    "neg": ("-", SIGN), "bitwise_not": ("~", SIGN), "logical_not": ("not ", NOT),
}
# fmt: on


def formula(tensor: Tensor) -> str:
    """The formula of a tensor; several lines where parts have got names, the last is the tensor."""
    nodes = topological([tensor])
    uses = Counter(t for node in nodes for t in node.inputs)
    names = _names({node.label for node in nodes if "name" in node.attrs})
    texts: dict[Tensor, Text] = {}
    lines: list[str] = []
    for node in nodes:
        inputs = [texts[t] for t in node.inputs]
        for t in node.outputs:
            text = _text(t, inputs)
            limit = SHARED if uses[t] > 1 else LONG
            if t is not tensor and len(text.text) > limit and not _is_moved(node):
                name = next(names)
                lines.append(f"{name} = {text.text}")
                text = Text(name, ATOM)
            texts[t] = text
    return "\n".join([*lines, texts[tensor].text])


def _names(taken: set[str]) -> Iterator[str]:
    """a, b, ..., z, a1, b1, ... without the names of inputs."""
    for number in itertools.count():
        for letter in "abcdefghijklmnopqrstuvwxyz":
            name = f"{letter}{number or ''}"
            if name not in taken:
                yield name


def _text(t: Tensor, inputs: Sequence[Text]) -> Text:
    node = t.node
    name = node.op.name
    if not node.inputs:
        return _leaf(t)
    if _is_moved(node):
        return inputs[0]
    if name in _INFIX:
        return _infix(node, inputs)
    if name in _PREFIX:
        sign, binding = _PREFIX[name]
        return Text(sign + _inside(inputs[0], binding), binding)
    if name == "pow":
        return _power(inputs[0], inputs[1].text)
    if name in _SPECIAL:
        return _SPECIAL[name](node, inputs)
    call = _call(name, inputs, _attrs(node))
    return call if len(node.types) == 1 else Text(f"{call.text}[{t.index}]", ATOM)


def _is_moved(node: Node) -> bool:
    """Whether a node only repeats elements, or puts in or leaves out axes of size 1."""
    if node.op.name in ("broadcast_to", "stop_gradient"):
        return True
    if node.op.name != "reshape":
        return False
    before, after = node.inputs[0].shape, node.types[0].shape
    return [s for s in before if s != 1] == [s for s in after if s != 1]


# ---------------------------------------------------------------------------- operators


def _infix(node: Node, inputs: Sequence[Text]) -> Text:
    sign, binding = _INFIX[node.op.name]
    a, b = inputs
    if sign == "*" and node.inputs[0] is node.inputs[1]:
        return _power(a, "2")
    # As people write it: numbers before what they multiply, after what they are added to.
    if _is_number(node.inputs[0 if sign == "+" else 1]) and sign in "+*":
        a, b = b, a
    if sign == "+" and b.binding == SIGN and b.text.startswith("-"):
        sign, b = "-", Text(b.text[1:], SIGN)
    right = binding + 1 if binding != COMPARE else COMPARE + 1
    left = binding if binding != COMPARE else COMPARE + 1
    return Text(f"{_inside(a, left)} {sign} {_inside(b, right)}", binding)


def _power(base: Text, exponent: str) -> Text:
    inner = exponent if exponent.lstrip("-").replace(".", "").isalnum() else f"({exponent})"
    return Text(f"{_inside(base, POWER + 1)}**{inner}", POWER)


def _inside(part: Text, binding: int) -> str:
    """A part in a place that wants at least this binding."""
    return part.text if part.binding >= binding else f"({part.text})"


# ---------------------------------------------------------------------------- leaves


def _is_number(t: Tensor) -> bool:
    return t.node.op.name == "full"


def _leaf(t: Tensor) -> Text:
    value, name = t.node.attrs.get("value"), t.node.attrs.get("name")
    if isinstance(name, str):
        return Text(name if name.isidentifier() else repr(name), ATOM)
    if isinstance(value, bool | int | float):
        number = _number(value, t.dtype)
        return Text(number, SIGN if number.startswith("-") else ATOM)
    if isinstance(value, Literal):
        return Text(_array(value), ATOM)
    match t.node.op.name:
        case "size_of":
            size = str(t.node.attrs["size"])
            return Text(size, ATOM if size.isidentifier() else SUM)
        case "parameter":
            return Text(f"p{t.node.attrs['index']}", ATOM)
    return Text(f"{t.node.op.name}({', '.join(_attrs(t.node))})", ATOM)


def _number(value: bool | int | float, dtype: DType) -> str:
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return str(dtype.numpy.type(value)) if math.isfinite(value) else str(value)


def _array(literal: Literal) -> str:
    if literal.array.size > 6:
        return f"constant({literal.dtype}[{', '.join(map(str, literal.shape))}])"
    flat = [_number(x.item(), literal.dtype) for x in literal.array.ravel()]
    return flat[0] if literal.shape == () else f"[{', '.join(flat)}]"


# ---------------------------------------------------------------------------- functions


def _call(name: str, inputs: Sequence[Text], attrs: Sequence[str]) -> Text:
    return Text(f"{name}({', '.join([*(i.text for i in inputs), *attrs])})", ATOM)


def _attrs(node: Node) -> list[str]:
    """What tells a node from others of its op, apart from shape, dtype and bodies."""
    shown = {k: v for k, v in node.attrs.items() if k not in ("shape", "dtype")}
    return [f"{k}={_value(v)}" for k, v in shown.items() if v is not None and not _has_graph(v)]


def _value(value: AttrValue) -> str:
    if isinstance(value, tuple):
        items = ", ".join(map(_value, value))
        return f"({items},)" if len(value) == 1 else f"({items})"
    return str(value)


def _has_graph(value: AttrValue) -> bool:
    return isinstance(value, Graph)


def _reduction(node: Node, inputs: Sequence[Text]) -> Text:
    axes = node.attrs["axes"]
    assert isinstance(axes, tuple), "axes are a tuple"
    if len(axes) == node.inputs[0].ndim:
        return _call(node.op.name, inputs, [])
    return _call(node.op.name, inputs, [f"axis={_value(axes[0] if len(axes) == 1 else axes)}"])


def _product(node: Node, inputs: Sequence[Text]) -> Text:
    a, b = node.inputs
    matrix = ((a.ndim - 1,), (max(b.ndim - 2, 0),))
    if b.ndim <= 2 and node.attrs["contract"] == matrix and node.attrs["batch"] == ((), ()):
        return Text(f"{_inside(inputs[0], PRODUCT)} @ {_inside(inputs[1], PRODUCT + 1)}", PRODUCT)
    return _call("dot_general", inputs, _attrs(node))


def _transpose(node: Node, inputs: Sequence[Text]) -> Text:
    if node.attrs["axes"] == tuple(reversed(range(node.inputs[0].ndim))):
        return Text(f"{_inside(inputs[0], ATOM)}.T", ATOM)
    return _call("transpose", inputs, [_value(node.attrs["axes"])])


def _slice(node: Node, inputs: Sequence[Text]) -> Text:
    rows = zip(*(node.attrs[k] for k in ("start", "stop", "step")), node.inputs[0].shape)  # pyright: ignore
    parts = [
        f"{'' if a == 0 else a}:{'' if b == size else b}{'' if step == 1 else f':{step}'}"
        for a, b, step, size in rows
    ]
    while len(parts) > 1 and parts[-1] == ":":
        parts.pop()
    return Text(f"{_inside(inputs[0], ATOM)}[{', '.join(parts)}]", ATOM)


def _named(name: str) -> Callable[[Node, Sequence[Text]], Text]:
    return lambda node, inputs: _call(name, inputs, _attrs(node))


_SPECIAL: dict[str, Callable[[Node, Sequence[Text]], Text]] = {
    **dict.fromkeys(("sum", "prod", "max", "min"), _reduction),
    "dot_general": _product,
    "transpose": _transpose,
    "slice": _slice,
    "reshape": lambda node, inputs: _call("reshape", inputs, [_value(node.types[0].shape)]),
    "cast": lambda node, inputs: _call(str(node.types[0].dtype), inputs, []),
    "concat": lambda node, inputs: Text(
        f"concat([{', '.join(i.text for i in inputs)}], axis={node.attrs['axis']})", ATOM
    ),
    "gather": _named("take"),
}
