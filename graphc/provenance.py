"""Which line of the user's program made a node: the innermost stack frame outside this package.

Nodes carry a `Source` to the end of compilation, so that errors, drawings and kernel listings can
name it. The role (forward, backward, update) tells what a node is for when graphs are drawn.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import FrameType
from typing import Literal

Role = Literal["forward", "backward", "update"]

_ROOT = os.path.dirname(os.path.abspath(__file__))
_TOP = os.path.dirname(_ROOT)
# In a source checkout frontend/ and backends/ lie beside this folder, installed they lie in it.
_OURS = (
    _ROOT + os.sep,
    os.path.join(_TOP, "frontend") + os.sep,
    os.path.join(_TOP, "backends") + os.sep,
    "<frozen",
    contextlib.__file__,  # enters our context managers for the user
)


@dataclass(frozen=True, slots=True)
class Source:
    """A place in the user's program, with the role of what was built there."""

    file: str
    line: int
    role: Role = "forward"

    def __str__(self) -> str:
        """`model.py:12`."""
        return f"{os.path.basename(self.file)}:{self.line}"

    def text(self) -> str:
        """The source line itself, or an empty text when the file cannot be read."""
        return linecache.getline(self.file, self.line).strip()


_UNKNOWN = Source("<unknown>", 0)
_inherited: ContextVar[Source | None] = ContextVar("inherited source", default=None)
_role: ContextVar[Role] = ContextVar("role", default="forward")
_known: dict[tuple[str, int, Role], Source] = {}
# What Python remembers of warnings, so that a loop shows each of them once.
_warned: dict[str | tuple[str, type[Warning], int], int] = {}


def user_source() -> Source:
    """Where the user is now: the inherited place if one is set, else the innermost user frame."""
    if (inherited := _inherited.get()) is not None:
        return inherited
    frame = sys._getframe(1)
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    if frame is None:
        return _UNKNOWN
    key = (frame.f_code.co_filename, frame.f_lineno, _role.get())
    if (source := _known.get(key)) is None:
        source = _known[key] = Source(*key)
    return source


def _is_ours(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    # Python calls what dataclasses make so, and also what `python -c` runs.
    made = file == "<string>" and str(frame.f_globals.get("__name__")).startswith("graphc.")
    return made or file.startswith(_OURS)


def warn(message: str) -> None:
    """A UserWarning that names the user's line."""
    source = user_source()
    warnings.warn_explicit(message, UserWarning, source.file, source.line, registry=_warned)


@contextmanager
def building_for(source: Source, role: Role | None = None) -> Iterator[None]:
    """Nodes built inside belong to `source`: derivatives and rewrites keep the user's line."""
    token = _inherited.set(source if role is None else replace(source, role=role))
    try:
        yield
    finally:
        _inherited.reset(token)


@contextmanager
def in_role(role: Role) -> Iterator[None]:
    """Nodes built inside at the user's own lines get this role."""
    token = _role.set(role)
    try:
        yield
    finally:
        _role.reset(token)
