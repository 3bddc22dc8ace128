"""One unit of LLVM IR: functions, declarations written once, constant tables, target attributes.

The functions themselves are written by `text.Function`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.backends.llvm_cpu.host import Target

from .types import literal

if TYPE_CHECKING:
    from .text import Function


class Module:
    """One unit of code: functions, the declarations and constants they use, and a target."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.functions: list[Function] = []
        self._declared: dict[str, str] = {}
        self._globals: dict[str, str] = {}

    def defines(self, name: str) -> bool:
        """Whether a function of this name is written here."""
        return any(f.name == name for f in self.functions)

    def declare(self, result: str, name: str, types: Sequence[str]) -> None:
        """Make an external function or an intrinsic known; repeating it does nothing."""
        self._declared.setdefault(name, f"declare {result} @{name}({', '.join(types)})")

    def table(self, name: str, element: str, values: Sequence[float], align: int = 64) -> str:
        """A private constant array; answers its address. The same name is written once."""
        rows = ", ".join(f"{element} {literal(element, x)}" for x in values)
        body = f"[{len(values)} x {element}] [{rows}]"
        line = f"@{name} = private unnamed_addr constant {body}, align {align}"
        assert self._globals.setdefault(name, line) == line, f"two tables are called {name}"
        return f"@{name}"

    def text(self) -> str:
        """The whole module as LLVM IR."""
        defined = {f.name for f in self.functions}
        declared = [line for name, line in self._declared.items() if name not in defined]
        triple = f'target triple = "{self.target.triple}"'
        parts = [triple, *self._globals.values(), *declared]
        parts += [f.text() for f in self.functions]
        parts += [f"attributes #0 = {{ {self.target.attributes()} }}", "!0 = !{i32 1}"]
        return "\n".join(parts) + "\n"
