"""All switches: the only file that reads the environment.

A switch is one field of `Settings`, an environment variable `GRAPHC_<NAME>` and a keyword of
`settings(...)`. `docs/knobs.md` is this table: `python -m graphc.knobs > docs/knobs.md`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import TypeVar

from graphc.errors import ArgumentError

PREFIX = "GRAPHC_"
Value = int | str | bool | None
T = TypeVar("T", int, str, bool, str | None)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a switch accepts: in words, and as text -> value (ValueError where it does not fit)."""

    words: str
    parse: Callable[[str], Value]


@dataclass(frozen=True, slots=True)
class Switch:
    """One row of the table."""

    kind: Kind
    default: Value
    about: str


def _whole(low: int, high: int) -> Kind:
    def parse(text: str) -> int:
        if not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return Kind(f"{low}..{high}", parse)


def _choice(*names: str) -> Kind:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError
        return text

    return Kind(", ".join(names), parse)


def _flag(text: str) -> bool:
    return {"0": False, "1": True, "False": False, "True": True}[text]


FLAG = Kind("0 or 1", _flag)
NAME = Kind("a name", str)
FOLDER = Kind("a folder", lambda text: os.path.expanduser(text) if text else None)


def _switch(default: T, kind: Kind, about: str) -> T:
    return field(default=default, metadata={"switch": Switch(kind, default, about)})


@dataclass(frozen=True, slots=True)
class Settings:
    """The value of every switch at one moment."""

    debug: int = _switch(
        0,
        _whole(0, 7),
        "What is printed; each level adds one thing: 1 a line per compile, 2 a line per kernel "
        "run, 3 scheduling decisions with their reasons, 4 generated source, 5 the graph after "
        "each pass that changed it, 6 the kernel after each scheduling step, 7 assembly or PTX.",
    )
    dump: str | None = _switch(
        None, FOLDER, "Write what debug prints into numbered files of this folder."
    )
    check: int = _switch(
        1,
        _whole(0, 3),
        "When graphs and kernels are verified: 0 never, 1 between stages, 2 after each pass, "
        "3 the same, comparing numbers with the reference backend.",
    )
    backend: str = _switch("llvm_cpu", NAME, "The backend that runs everything.")
    target: str | None = _switch(
        None,
        Kind("a name", lambda text: text or None),
        "What functions are compiled for that do not say it: the name of a backend, such as "
        "triton_gpu. It goes before `backend`.",
    )
    machine: str = _switch(
        "host", NAME, "The machine CPU code is for: host, x86-64, x86-64-v3, x86-64-v4, aarch64."
    )
    threads: int = _switch(
        0, _whole(0, 4096), "CPU threads of one call; 0 takes every core this process may use."
    )
    pool: str = _switch(
        "auto",
        _choice("auto", "futex", "portable"),
        "How idle worker threads sleep: in the kernel (futex, Linux) or in Python (portable).",
    )
    cache: bool = _switch(True, FLAG, "Keep compiled objects on disk.")
    cache_dir: str | None = _switch(
        None, FOLDER, "Where they are kept; the user's cache folder by default."
    )
    cache_mib: int = _switch(
        1024,
        _whole(1, 1 << 30),
        "How large that folder may grow, in MiB; the longest unused objects go first.",
    )
    data: str | None = _switch(None, FOLDER, "Where data sets are looked for.")
    tune: bool = _switch(
        False,
        FLAG,
        "Measure several forms of each contraction while compiling and remember the fastest. What "
        "is compiled without it never uses what was measured: its code follows from shapes alone.",
    )
    tune_seconds: int = _switch(
        60, _whole(0, 1 << 20), "How long one process may measure; 0 only uses what is remembered."
    )
    exact_convolution: bool = _switch(
        False,
        FLAG,
        "Never use Winograd's algorithm, which does 3x3 convolutions about 3 times as fast with "
        "errors up to 2e-5 of the largest result. What is compiled keeps the value it met.",
    )
    matmul_precision: str = _switch(
        "float32",
        _choice("float32", "tf32"),
        "What a GPU multiplies in products and convolutions of float32: the numbers as they are, "
        "or cut to 10 bits of fraction (tf32), several times as fast. Sums are float32. What is "
        "compiled keeps the value it met.",
    )
    keep: bool = _switch(
        True,
        FLAG,
        "Keep between calls what depends on variables alone, such as weights with batch "
        "normalisation folded in, until one of them changes. Costs memory, never bits.",
    )
    llvm_opt: int = _switch(
        2,
        _whole(0, 3),
        "Effort of LLVM: 0 least, 1 and 2 three cheap passes and that level of code generation, "
        "3 the whole O3 pipeline.",
    )
    compile_jobs: int = _switch(
        0,
        _whole(0, 256),
        "Processes that compile kernels side by side; 0 takes one per core, 1 stays in this one.",
    )


def standard_target() -> str:
    """The backend of functions that name no target."""
    return current().target or current().backend


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Variables of the environment that a library reads while it is imported."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# What is printed, where things are kept and how many work on them decides nothing.
_UNDECIDING: dict[str, Value] = {
    "debug": 0, "dump": None, "cache": True, "cache_dir": None, "cache_mib": 1, "data": None,
    "threads": 0, "pool": "auto", "compile_jobs": 0, "tune_seconds": 0,
}  # fmt: skip
_SWITCHES: dict[str, Switch] = {f.name: f.metadata["switch"] for f in fields(Settings)}
_scoped: ContextVar[Settings | None] = ContextVar("scoped settings", default=None)


def current() -> Settings:
    """The settings in force here: of the innermost `settings(...)`, else of the environment."""
    scoped = _scoped.get()
    return _of_process() if scoped is None else scoped


@contextmanager
def settings(**changes: Value) -> Iterator[Settings]:
    """Other values for some switches inside a `with` block, in this thread or task only.

    >>> with settings(debug=4) as inside:
    ...     current().debug, inside is current()
    (4, True)

    Raises:
        ArgumentError: a name that is no switch, or a value that it does not take.
    """
    checked = {name: _checked(name, value) for name, value in changes.items()}
    token = _scoped.set(replace(current(), **checked))
    try:
        yield current()
    finally:
        _scoped.reset(token)


def deciding() -> str:
    """The switches that may decide what is generated, as text for cache keys."""
    return repr(replace(current(), **_UNDECIDING))


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings that these environment variables ask for.

    Raises:
        ArgumentError: a `GRAPHC_` variable that is no switch, or whose value does not fit.
    """
    found = {k: v for k, v in environment.items() if k.startswith(PREFIX)}
    return replace(
        Settings(), **{_name_of(k): _parsed(k, _name_of(k), v) for k, v in found.items()}
    )


def inherited(names: Iterable[str]) -> dict[str, str]:
    """Those variables of the environment that are set: what a child process may see of it."""
    return {name: os.environ[name] for name in names if name in os.environ}


def markdown() -> str:
    """All switches as the page `docs/knobs.md`."""
    lines = [
        "# Switches",
        "",
        "Set them in the environment, or for a while in a program: "
        "`with graphc.settings(debug=4): ...`.",
        "",
        "| variable | values | default | what it does |",
        "|---|---|---|---|",
    ]
    for name, switch in _SWITCHES.items():
        default = "" if switch.default is None else f"`{_as_text(switch.default)}`"
        cells = (f"`{PREFIX}{name.upper()}`", switch.kind.words, default, switch.about)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


@lru_cache(maxsize=1)
def _of_process() -> Settings:
    return from_environment(os.environ)


def _name_of(variable: str) -> str:
    name = variable.removeprefix(PREFIX).lower()
    if name not in _SWITCHES or variable != PREFIX + name.upper():
        raise ArgumentError(
            "an environment variable that is no switch",
            received=variable,
            expected=", ".join(PREFIX + n.upper() for n in _SWITCHES),
        )
    return name


def _checked(name: str, value: Value) -> Value:
    if name not in _SWITCHES:
        raise ArgumentError("no such switch", received=name, expected=", ".join(_SWITCHES))
    if value is None and _SWITCHES[name].default is None:
        return None
    return _parsed(name, name, _as_text(value))


def _parsed(shown: str, name: str, text: str) -> Value:
    kind = _SWITCHES[name].kind
    try:
        return kind.parse(text)
    except (ValueError, KeyError):
        raise ArgumentError(
            f"{shown} does not take this value", received=repr(text), expected=kind.words
        ) from None


def _as_text(value: Value) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    print(markdown(), end="")
