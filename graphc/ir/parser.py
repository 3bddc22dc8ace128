"""Reads the text that `printer.py` writes; the grammar is shown there. Nothing is ever evaluated.

Text comes from bug reports and files, so whatever is wrong with it ends in a ParseError that names
the line.
"""

from __future__ import annotations

import ast
import base64
import re
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from graphc.dtypes import BY_NAME
from graphc.errors import GraphcError, ParseError

from .dim import parse_size
from .graph import Graph, graph
from .literal import Literal
from .node import OPS, AttrValue, Tensor, TensorType, apply
from .printer import attributes_of

_HEAD = re.compile(r"(?:(@\d+) = )?graph \{")
_EDGE = re.compile(r"(inputs|outputs)((?: %\d+,?)*)")
_NODE = re.compile(r"(%\d+(?:, %\d+)*): (\w+\[.*?\](?:, \w+\[.*?\])*) = (\w+)\((.*)")
_TYPE = re.compile(r"(\w+)\[([^\]]*)\]")
# Strings are matched first, so that a marker inside a name is left alone.
_MARKER = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[%@]\d+""")
T = TypeVar("T", Tensor, Graph)
# What wrong attributes may raise in a type rule or in NumPy; none of it is a defect of graphc.
_WRONG = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError)


def parse(text: str) -> Graph:
    """The graph that `show` printed: `parse(show(g)) is g`.

    Raises:
        ParseError: text that is not a printed graph, with the line at fault.
    """
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped:
            continue
        try:
            reader.read(stripped)
        except ParseError as error:
            raise _at(number, stripped, error.problem) from None
        except GraphcError as error:
            raise _at(number, stripped, error.problem) from error
        except _WRONG as error:
            raise _at(
                number, stripped, f"attributes that the op does not take ({error})"
            ) from error
    if reader.result is None or reader.open:
        raise ParseError("the text ends before its graph does")
    return reader.result


def _at(number: int, line: str, problem: str) -> ParseError:
    return ParseError(f"line {number}: {problem}", received=line)


@dataclass(slots=True)
class _Block:
    """A graph whose closing brace is still to come."""

    label: str | None
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)


class _Reader:
    """The blocks that are open, and the regions that are complete."""

    def __init__(self) -> None:
        self.open: list[_Block] = []
        self.regions: dict[str, Graph] = {}
        self.result: Graph | None = None

    def read(self, line: str) -> None:
        """Take in one line."""
        if self.result is not None:
            raise ParseError("text after the end of the graph")
        if head := _HEAD.fullmatch(line):
            self.begin(head[1])
        elif not self.open:
            raise ParseError("a printed graph begins with 'graph {'")
        elif line == "}":
            self.end(self.open.pop())
        elif edge := _EDGE.fullmatch(line):
            names = edge[2].replace(",", " ").split()
            block = self.open[-1]
            (block.inputs if edge[1] == "inputs" else block.outputs).extend(names)
        elif node := _NODE.fullmatch(line):
            self.node(node[1].split(", "), node[2], node[3], node[4])
        else:
            raise ParseError("not a line of a printed graph")

    def begin(self, label: str | None) -> None:
        """Open a block: the outermost has no label, regions have a new one."""
        if (label is None) == bool(self.open) or label in self.regions:
            raise ParseError("a region has a number of its own, the outermost graph has none")
        self.open.append(_Block(label))

    def end(self, block: _Block) -> None:
        """Close a block."""
        found = graph(
            [_known(block.tensors, n) for n in block.inputs],
            [_known(block.tensors, n) for n in block.outputs],
        )
        if block.label is None:
            self.result = found
        else:
            self.regions[block.label] = found

    def node(self, names: list[str], types: str, op_name: str, arguments: str) -> None:
        """Build a node and check that it has the types of its line."""
        op = OPS.get(op_name)
        if op is None:
            raise ParseError(f"no op is called {op_name}")
        tensors = self.open[-1].tensors
        wanted = _types(types)
        call = _call(arguments)
        inputs = tuple(_known(tensors, f"%{_marked(a, 'tensor')}") for a in call.args)
        attrs = {k.arg: self.value(k.value, wanted[0]) for k in call.keywords if k.arg}
        implied = {"shape": wanted[0].shape, "dtype": wanted[0].dtype}
        attrs |= {k: v for k, v in implied.items() if k in attributes_of(op) and k not in attrs}
        made = apply(op, inputs, attrs)
        if made.types != wanted or len(names) != len(wanted):
            raise ParseError(f"the types are {', '.join(map(str, made.types))}")
        if not tensors.keys().isdisjoint(names):
            raise ParseError("a name is used twice")
        tensors.update(zip(names, made.outputs, strict=True))

    def value(self, tree: ast.expr, kind: TensorType) -> AttrValue:
        """An attribute from its syntax; `kind` is the type of the node's first output."""
        match tree:
            case ast.Constant(value=str() | None as value):
                return value
            case ast.Constant() | ast.UnaryOp(operand=ast.Constant() | ast.Attribute()):
                return _number(tree)
            case ast.Attribute(value=ast.Name(id="float")):
                return _number(tree)
            case ast.Attribute(value=ast.Name(id="dtype"), attr=name) if name in BY_NAME:
                return BY_NAME[name]
            case ast.Tuple(elts=items):
                return tuple(self.value(i, kind) for i in items)
            case ast.Subscript(value=ast.Name(id="region")):
                return _known(self.regions, f"@{_marked(tree, 'region')}")
            case ast.Call(func=ast.Name(id="array"), args=[content]):
                return _literal(content, kind)
            case ast.Call(func=ast.Name(id="array"), args=[content, ast.Constant(value=str(text))]):
                return _literal(content, _types(text)[0])
        return parse_size(ast.unparse(tree))


def _call(arguments: str) -> ast.Call:
    """The syntax of `f(arguments)`, with %1 as tensor[1] and @0 as region[0]."""

    def marked(match: re.Match[str]) -> str:
        text = match[0]
        words = {"%": "tensor", "@": "region"}
        return f"{words[text[0]]}[{text[1:]}]" if text[0] in words else text

    try:
        tree = ast.parse("f(" + _MARKER.sub(marked, arguments), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ParseError("not a list of inputs and attributes") from None
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise ParseError("not a list of inputs and attributes")
    return tree


def _marked(tree: ast.expr, word: str) -> int:
    match tree:
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int(number))):
            if name == word:
                return number
    raise ParseError(f"not a {word}: {ast.unparse(tree)}")


def _known(table: dict[str, T], name: str) -> T:
    if name not in table:
        raise ParseError(f"{name} is not defined above")
    return table[name]


def _types(text: str) -> tuple[TensorType, ...]:
    found = tuple(
        TensorType(tuple(parse_size(s) for s in sizes.split(",") if s.strip()), BY_NAME[name])
        for name, sizes in _TYPE.findall(text)
        if name in BY_NAME
    )
    if ", ".join(map(str, found)) != text:
        raise ParseError("not a type", received=text)
    return found


def _literal(content: ast.expr, kind: TensorType) -> Literal:
    shape = [s for s in kind.shape if isinstance(s, int)]
    match content:
        case ast.Constant(value=str(text)):
            data = bytearray(base64.b64decode(text, validate=True))
            return Literal(np.frombuffer(data, kind.dtype.numpy).reshape(shape))
    exact = np.dtype(np.float64) if kind.dtype.is_float else kind.dtype.numpy
    with np.errstate(over="raise"):
        numbers = np.array(_nested(content), dtype=exact).astype(kind.dtype.numpy)
    return Literal(numbers.reshape(shape))


def _nested(tree: ast.expr) -> list[object] | bool | int | float:
    return [_nested(e) for e in tree.elts] if isinstance(tree, ast.List) else _number(tree)


def _number(tree: ast.expr) -> bool | int | float:
    match tree:
        case ast.Constant(value=bool() | int() | float() as value):
            return value
        case ast.Attribute(value=ast.Name(id="float"), attr="nan" | "inf" as name):
            return float(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand)
    raise ParseError(f"not a number: {ast.unparse(tree)}")
