"""The product's own source, as the tests of its structure read it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("graphc", "frontend", "backends")


@dataclass(frozen=True)
class Import:
    """One import statement: where it is, and what it names, as installed."""

    file: str
    line: int
    module: str
    names: tuple[str, ...]
    level: int
    inside_function: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module or '.' * self.level} {self.names}"


@cache
def files() -> tuple[Path, ...]:
    return tuple(p for folder in FOLDERS for p in sorted((ROOT / folder).rglob("*.py")))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def package_of(file: str) -> str:
    """The installed package of a file: graphc.frontend.layers for frontend/layers/dense.py."""
    folder = file.rpartition("/")[0].replace("/", ".")
    return folder if folder.startswith("graphc") else f"graphc.{folder}"


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for path in files() for found in _imports_of(path))


def _imports_of(path: Path) -> Iterator[Import]:
    file = relative(path)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node, inside in _statements(tree, False):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, (), 0, inside)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(file, node.lineno, node.module or "", names, node.level, inside)


def _statements(node: ast.AST, inside: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Each statement, and whether a function holds it; expressions hold no statements."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child, inside
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _statements(child, inside or function)
