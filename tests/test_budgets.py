"""Sizes and habits that keep the source readable: budgets on files, functions and lines."""

from __future__ import annotations

import ast
import re

import pytest
from source_tree import files, relative

FILE, FUNCTION, LINE = 400, 60, 100
# What tools read at the end of a line does not count, as in ruff.
PRAGMA = re.compile(r"\s*#\s*(pyright: ignore|fmt: skip|noqa).*$")
MARKS = re.compile(r"\b(TODO(?!\(#\d+\))|FIXME|HACK|XXX)\b")


@pytest.mark.parametrize("path", files(), ids=relative)
def test_file(path):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    tree = ast.parse(text)
    assert len(lines) <= FILE
    assert [n for n, line in enumerate(lines, 1) if len(PRAGMA.sub("", line)) > LINE] == []
    assert MARKS.findall(text) == []
    assert [f"{f.name}: {size(f)} lines" for f in functions(tree) if size(f) > FUNCTION] == []
    assert [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Global)] == []
    assert [n.lineno for n in ast.walk(tree) if is_bare_except(n)] == []
    assert not lines or ast.get_docstring(tree), "a docstring says what the file is for"


def functions(tree):
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def size(function):
    """Lines of the function without its docstring, which is free."""
    first = function.body[0]
    text = ast.get_docstring(function) and (first.end_lineno - first.lineno + 1)
    return function.end_lineno - function.lineno + 1 - (text or 0)


def is_bare_except(node):
    return isinstance(node, ast.ExceptHandler) and node.type is None
