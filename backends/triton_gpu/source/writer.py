"""Lines of a Triton function in the making, and the file around them.

Names of the generator never meet names of a kernel: buffers end in `_ptr`, coordinates begin with
`at_`, values are `v1`, `v2`, ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from graphc.dtypes import DType
from graphc.ir.dim import Size

from .prelude_text import needed
from .shape import SIDES

IMPORTS = "import triton\nimport triton.language as tl\nfrom triton.language.extra import libdevice"

_WIDTHS = re.compile(rf"\b({'|'.join(SIDES)})\b")


class Writer:
    """The body of one function."""

    def __init__(self, wide: bool = False) -> None:
        self.integer = "tl.int64" if wide else "tl.int32"
        self.lines: list[str] = []
        self.first = f"tl.program_id(0).to({self.integer})"
        """The number of this program, among those that the lines are for."""
        self._depth = 1
        self._count = 0

    def line(self, text: str) -> None:
        """One more line."""
        self.lines.append("    " * self._depth + text)

    def name(self, hint: str = "v") -> str:
        """A name that is not used yet."""
        self._count += 1
        return f"{hint}{self._count}"

    def let(self, text: str, hint: str = "v") -> str:
        """A new name for a value; a name or a number needs none."""
        if text.isidentifier() or text.isdecimal():
            return text
        name = self.name(hint)
        self.line(f"{name} = {text}")
        return name

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Lines inside `head:`."""
        self.line(f"{head}:")
        before = len(self.lines)
        self._depth += 1
        yield
        if len(self.lines) == before:
            self.line("pass")
        self._depth -= 1

    @contextmanager
    def widths_of(self, member: int) -> Iterator[None]:
        """Lines of one of several tiles: the names of its widths are its own."""
        before = len(self.lines)
        yield
        new = [_WIDTHS.sub(rf"\1_{member}", line) for line in self.lines[before:]]
        self.lines[before:] = new

    def program(self, axis: int = 0) -> str:
        """The number of this program."""
        text = f"tl.program_id({axis}).to({self.integer})" if axis else self.first
        return self.let(text, "program")


def pointer(buffer: str) -> str:
    """What the pointer to a buffer is called."""
    return f"{buffer}_ptr"


def size_text(size: Size) -> str:
    """A size as an expression of the size arguments."""
    text = str(size)
    return text if isinstance(size, int) or text.isidentifier() else f"({text})"


def file_of(
    name: str, writer: Writer, pointers: Sequence[tuple[str, DType]], sizes: Sequence[str],
    title: str = "",
) -> str:  # fmt: skip
    """The whole file: a title as comment, imports, what the body needs, the function."""
    arguments = ", ".join([*(pointer(n) for n, _ in pointers), *sizes])
    body = "\n".join(writer.lines)
    head = "".join(f"# {line}".rstrip() + "\n" for line in title.splitlines())
    parts = [head + IMPORTS, *needed(body), f"@triton.jit\ndef {name}({arguments}):\n{body}"]
    return "\n\n\n".join(parts) + "\n"
