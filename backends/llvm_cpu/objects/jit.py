"""From IR text to code that can be called: the cache first, then LLVM, then ORC links the object.

Fresh and cached objects take the same way, so both are equally well tested. Objects for other
machines come from `objects`; only objects for this machine can be loaded.
"""

from __future__ import annotations

import ctypes.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache as cached
from typing import final

import llvmlite.binding as llvm

from graphc import cache, crew
from graphc.backends.llvm_cpu.host import Target, chosen
from graphc.backends.llvm_cpu.run.words import Located
from graphc.errors import CompileError
from graphc.knobs import current

from . import elf, keys, mapped, workers
from .codegen import Machine


@dataclass(frozen=True, slots=True)
class Unit:
    """Something to compile: what identifies it, how its IR text is written, what it exports."""

    key: str
    """Two units with one key (and target) have the same text; the text itself is a good key."""
    write: Callable[[], str]
    """Called only if no object is at hand."""
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Code:
    """Linked functions by name; `load` keeps what it has loaded mapped until the process ends."""

    addresses: Mapping[str, int]
    tracker: llvm.ResourceTracker = field(repr=False)

    def __getitem__(self, name: str) -> int:
        return self.addresses[name]


_MATH = {"linux": "libm.so.6", "darwin": "libSystem.dylib", "win32": "msvcrt"}
MOST_BYTES = 32 << 20
"""Bytes of objects that are kept in this process."""
_loaded: dict[str, Code] = {}
_objects: dict[str, bytes] = {}


def unit_of(text: str, *names: str) -> Unit:
    """A unit whose text is already written."""
    return Unit(text, lambda: text, names)


def load(units: Sequence[Unit]) -> list[Code]:
    """Addresses of the functions of each unit, compiled for this machine where needed.

    >>> text = "define i64 @twice(i64 %x) { %y = add i64 %x, %x  ret i64 %y }"
    >>> code = load([unit_of(text, "twice")])[0]
    >>> ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(code["twice"])(21)
    42

    Raises:
        CompileError: LLVM refuses a module, or a function it calls does not exist.
    """
    keys = [_key(unit, chosen()) for unit in units]
    missing = {key: unit for key, unit in zip(keys, units) if key not in _loaded}
    made = objects(list(missing.values()), chosen())
    for (key, unit), data in zip(missing.items(), made):
        _loaded.setdefault(key, link(data, unit.names))
    return [_loaded[key] for key in keys]


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """The functions of some units in memory, as long as this is kept."""

    addresses: tuple[Mapping[str, int], ...]
    """By name, for each unit."""
    image: elf.Image | None
    """The same for other processes; None if LLVM had to link."""
    memory: mapped.Mapped | None = field(repr=False)


def linked(units: Sequence[Unit], made: Mapping[str, bytes]) -> Linked:
    """The functions of units, linked as one piece of code where that is possible.

    `made` are the objects by the keys of the units.

    Raises:
        CompileError: a function that a unit calls does not exist.
    """
    distinct = list({unit.key: unit for unit in units}.values())
    image = elf.linked([(made[unit.key], unit.names) for unit in distinct])
    memory = mapped.mapped(image) if image else None
    if memory is None:
        return Linked(tuple(code.addresses for code in load(units)), None, None)
    entries = iter(enumerate(memory.entries))
    found = {
        unit.key: {
            name: Located.at(address, "function", number)
            for name, (number, address) in zip(unit.names, entries)
        }
        for unit in distinct
    }
    return Linked(tuple(found[unit.key] for unit in units), image, memory)


def objects(units: Sequence[Unit], target: Target) -> list[bytes]:
    """The object code of each unit for a target, from the cache or compiled (and then cached)."""
    with Batch(target) as batch:
        for unit in units:
            batch.add(unit)
        made = batch.finish()
    return [made[unit.key] for unit in units]


@final
class Batch:
    """Objects in the making: units that are not in the cache are compiled from when they come.

    `expected` are the seconds that they will take, if that is known before.
    """

    def __init__(self, target: Target, expected: float = 0.0) -> None:
        self.target = target
        self.crew = crew.Crew(workers.trade(machine_of(target)), expected)
        self._found: dict[str, bytes] = {}
        self._cold: dict[str, str] = {}
        """The keys of units and of their objects, in the order of the crew."""

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.crew.__exit__()

    def add(self, unit: Unit) -> None:
        """Make the object of a unit."""
        if unit.key in self._found or unit.key in self._cold:
            return
        key = _key(unit, self.target)
        data = _known(key)
        if data is None:
            self._cold[unit.key] = key
            self.crew.add(unit.write().encode())
        else:
            self._found[unit.key] = data

    def finish(self) -> Mapping[str, bytes]:
        """The objects by the keys of their units.

        Raises:
            CompileError: LLVM refuses a module.
        """
        made = dict(zip(self._cold.values(), self.crew.finish()))
        for key, data in made.items():
            cache.store(key, data)
        _remember(made)
        return self._found | dict(zip(self._cold, made.values()))


def _known(key: str) -> bytes | None:
    return _objects[key] if key in _objects else cache.lookup(key)


def _remember(found: Mapping[str, bytes]) -> None:
    """Keep the latest objects at hand: a cache on disk may be switched off."""
    _objects.update(found)
    excess = sum(map(len, _objects.values())) - MOST_BYTES
    for key in list(_objects):
        if excess <= 0:
            return
        excess -= len(_objects.pop(key, b""))


def link(data: bytes, names: Sequence[str]) -> Code:
    """Map an object into this process; it is unmapped when the answer is forgotten."""
    builder = llvm.JITLibraryBuilder().add_object_img(data).add_current_process()
    for name in names:
        builder.export_symbol(name)
    linker = _linker(os.getpid())
    try:
        tracker = builder.link(linker.engine, linker.next_name())
        return Code({name: tracker[name] for name in names}, tracker)
    except RuntimeError as error:
        raise CompileError(
            "generated code cannot be linked, a defect of the code generator",
            received=str(error),
            expected=f"an object that defines {', '.join(names)}",
        ) from None


def machine_of(target: Target) -> Machine:
    """The target and the effort in LLVM's words."""
    return Machine(target.triple, target.cpu, target.features, current().llvm_opt)


class _Linker:
    """ORC's engine; one per process, because a fork must not share it."""

    def __init__(self) -> None:
        self.engine = llvm.create_lljit_compiler()
        self._count = 0

    def next_name(self) -> str:
        """A library name may be used only once."""
        self._count += 1
        return f"graphc.{self._count}"


@cached
def _linker(_process: int) -> _Linker:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    if not llvm.address_of_symbol("expf"):
        _load_math()
    return _Linker()


def _load_math() -> None:
    """Functions that generated code calls; looking for a library starts other programs."""
    for find in (lambda: _MATH.get(sys.platform), lambda: ctypes.util.find_library("m")):
        with suppress(RuntimeError):
            if name := find():
                return llvm.load_library_permanently(name)
    return None


def _key(unit: Unit, target: Target) -> str:
    return keys.key_of(unit.key, target.key(), str(current().llvm_opt))
