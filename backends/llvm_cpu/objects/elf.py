"""Links relocatable ELF objects of x86-64 into one piece of code that runs wherever it is mapped.

Only what generated code needs: read-only sections, relative addresses, calls of functions of the C
library through stubs at the end. Anything else is answered with None, and LLVM links.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

MAGIC = b"\x7fELF\x02\x01"
X86_64 = 62
PROGBITS, SYMTAB, RELA = 1, 2, 4
WRITE, ALLOCATED = 1, 2
PC32, PLT32, GOTPCREL, GOTPCRELX, REX_GOTPCRELX = 2, 4, 9, 41, 42
STUB = b"\xff\x25\x00\x00\x00\x00" + bytes(8)
"""jmp [rip]; the address that follows is a slot."""
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")


@dataclass(frozen=True, slots=True)
class Image:
    """Code, the offsets at which functions begin, and words to be filled in where it is mapped."""

    code: bytes
    entries: tuple[int, ...]
    outside: tuple[tuple[int, str], ...]
    """(offset, name): the address of a function of the process."""
    inside: tuple[tuple[int, int], ...]
    """(offset, value): the address of the byte `value` of the code itself."""


class _Unknown(Exception):
    """Something that is not understood here."""


@dataclass(frozen=True, slots=True)
class _Section:
    kind: int
    flags: int
    data: int
    size: int
    link: int
    info: int
    align: int


def linked(objects: Sequence[tuple[bytes, Sequence[str]]]) -> Image | None:
    """The image of objects, each with the functions that are wanted of it, in order."""
    writer = _Writer()
    try:
        entries = [at for data, names in objects for at in writer.add(data, names)]
        return writer.image(entries)
    except (_Unknown, struct.error, IndexError):
        return None


class _Writer:
    def __init__(self) -> None:
        self.code = bytearray()
        self.stubs: dict[str, list[tuple[int, int]]] = {}
        """For each function outside: the places that call it, and what is added."""
        self.got: dict[int | str, list[tuple[int, int]]] = {}
        """For each address that is read from memory: the places that read it."""

    def add(self, data: bytes, names: Sequence[str]) -> list[int]:
        """Append the sections of an object; the offsets of the functions."""
        if data[:6] != MAGIC or struct.unpack_from("<H", data, 18)[0] != X86_64:
            raise _Unknown
        sections = _sections(data)
        bases = {i: self._place(data, s) for i, s in enumerate(sections) if s.flags & ALLOCATED}
        (table,) = (s for s in sections if s.kind == SYMTAB)
        symbols = [
            _SYMBOL.unpack_from(data, table.data + at) for at in range(0, table.size, _SYMBOL.size)
        ]
        text = sections[table.link].data
        places = {
            _name(data, text + name): bases[index] + value
            for name, _, _, index, value, _ in symbols
            if index in bases
        }
        for s in sections:
            if s.kind == RELA and s.info in bases:
                for at in range(s.data, s.data + s.size, _RELOCATION.size):
                    offset, info, addend = _RELOCATION.unpack_from(data, at)
                    name, _, _, index, value, _ = symbols[info >> 32]
                    target: int | str = _name(data, text + name)
                    if index:
                        target = bases[index] + value
                    self._relocate(bases[s.info] + offset, info & 0xFFFFFFFF, target, addend)
        if any(name not in places for name in names):
            raise _Unknown
        return [places[name] for name in names]

    def _place(self, data: bytes, section: _Section) -> int:
        if section.kind != PROGBITS or section.flags & WRITE:
            raise _Unknown
        self.code += bytes(-len(self.code) % max(section.align, 16))
        start = len(self.code)
        self.code += data[section.data : section.data + section.size]
        return start

    def _relocate(self, place: int, kind: int, target: int | str, addend: int) -> None:
        if kind in (GOTPCREL, GOTPCRELX, REX_GOTPCRELX):
            self.got.setdefault(target, []).append((place, addend))
        elif kind not in (PC32, PLT32):
            raise _Unknown
        elif isinstance(target, str):
            if kind != PLT32:
                raise _Unknown
            self.stubs.setdefault(target, []).append((place, addend))
        else:
            self._write(place, target + addend - place)

    def _write(self, place: int, value: int) -> None:
        struct.pack_into("<i", self.code, place, value)

    def image(self, entries: Sequence[int]) -> Image:
        """Everything that was added, with stubs and a table of addresses behind it."""
        outside: list[tuple[int, str]] = []
        inside: list[tuple[int, int]] = []
        for name, calls in self.stubs.items():
            start = self._append(STUB)
            outside.append((start + 6, name))
            for place, addend in calls:
                self._write(place, start + addend - place)
        for target, reads in self.got.items():
            start = self._append(bytes(8))
            if isinstance(target, str):
                outside.append((start, target))
            else:
                inside.append((start, target))
            for place, addend in reads:
                self._write(place, start + addend - place)
        return Image(bytes(self.code), tuple(entries), tuple(outside), tuple(inside))

    def _append(self, data: bytes) -> int:
        self.code += bytes(-len(self.code) % 16)
        self.code += data
        return len(self.code) - len(data)


def _sections(data: bytes) -> list[_Section]:
    (start,) = struct.unpack_from("<Q", data, 40)
    (count,) = struct.unpack_from("<H", data, 60)
    found: list[_Section] = []
    for i in range(count):
        _, kind, flags, _, at, size, link, info, align, _ = _SECTION.unpack_from(
            data, start + i * _SECTION.size
        )
        found.append(_Section(kind, flags, at, size, link, info, align))
    return found


def _name(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()
