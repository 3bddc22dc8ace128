"""A compiled function as bytes for the cache: its table, its memory blocks, its code, constants.

    length of the facts, facts (JSON), code, constants

Numbers and texts only; addresses, names and the user's lines are filled in where it is read. What
identifies an entry is in `key_of`; that its bytes are whole is checked by `graphc/cache.py`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

import numpy as np

from graphc import dtypes, knobs
from graphc.backends.llvm_cpu import host
from graphc.backends.llvm_cpu.objects import keys
from graphc.backends.llvm_cpu.objects.elf import Image
from graphc.backends.llvm_cpu.objects.mapped import Mapped, mapped
from graphc.errors import GraphcError
from graphc.ir import node as nodes
from graphc.ir.dim import Size
from graphc.ir.fingerprint import Fingerprint
from graphc.ir.literal import Literal
from graphc.passes.assumptions import Relation
from graphc.passes.unify_sizes import SizeCheck
from graphc.program import Draft, Interface
from graphc.schedule.memory import Block, MemoryPlan
from graphc.schedule.plan import CheckStep, Place, Storage

from .arena import address_of
from .table import Kept, Table
from .words import Address, Located, Memory, Part, Share, Word

KIND = "functions"
MOST_BYTES = 64 << 20
"""Larger functions are not kept."""
_HEAD = struct.Struct("<I")
Pairs = list[tuple[int, int]]


class _Words(TypedDict):
    """Plain numbers, and what stands where one of them is 0, as (position, number or numbers)."""

    plain: list[int]
    address: Pairs
    function: Pairs
    constant: Pairs
    size: Pairs
    share: list[tuple[int, int, int, Part, int]]


class _Facts(TypedDict):
    words: _Words
    records: int
    commit: int
    kept: tuple[int, list[int]] | None
    cells: list[tuple[int, Place, int]]
    blocks: list[tuple[int, int, int]]
    outputs: list[tuple[int, str, list[int]]]
    checks: list[tuple[str, int]]
    inputs: list[list[int]]
    size_checks: list[tuple[int, Relation, int, str, int]]
    constants: list[tuple[str, list[int]]]
    code: int
    entries: list[int]
    outside: list[tuple[int, str]]
    inside: Pairs
    sizes: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What is needed to run a function again."""

    table: Table
    memory_plan: MemoryPlan
    outputs: tuple[Storage, ...]
    code: Mapped
    interface: Interface


def key_of(draft: Draft, print_: Fingerprint) -> str:
    """Everything that decides the bytes of an entry."""
    chosen = draft.options
    options = (
        chosen.fast_math, chosen.inference, repr(chosen.memory_budget), sorted(draft.disabled)
    )  # fmt: skip
    form = (draft.inputs, draft.results, draft.updated, options)
    machine = host.fingerprint()
    return keys.key_of(keys.whole_version(), machine, knobs.deciding(), repr(form), print_.text)


# ---------------------------------------------------------------------------- writing


def encoded(
    print_: Fingerprint, table: Table, memory_plan: MemoryPlan, outputs: Sequence[Storage],
    image: Image, interface: Interface,
) -> bytes | None:  # fmt: skip
    """The bytes of a function; None if it is too large."""
    size = _Numbering(print_)
    constants = b"".join(map(_padded, table.constants))
    if len(constants) + len(image.code) > MOST_BYTES:
        return None
    line = {source: i for i, source in enumerate(print_.sources)}
    if any(c.source not in line for c in (*table.checks, *interface.checks)):
        return None
    block = {s: i for i, b in enumerate(memory_plan.blocks) for s in b.storages}
    facts: _Facts = {
        "words": _words(table.memory.words, size),
        "records": table.records.position,
        "commit": table.commit,
        "kept": table.kept and (table.kept.word.position, list(table.kept.variables)),
        "cells": [
            (c.position, s.place, block[s] if s.place == "arena" else s.index)
            for s, c in table.cells.items()
            if s.place != "constant"
        ],
        "blocks": [(size.of(b.nbytes), b.first, b.last) for b in memory_plan.blocks],
        "outputs": [(s.index, s.dtype.name, list(map(size.of, s.shape))) for s in outputs],
        "checks": [(print_.abstract(c.problem), line[c.source]) for c in table.checks],
        "inputs": [list(map(size.of, t.shape)) for t in interface.inputs],
        "size_checks": [
            (size.of(c.left), c.relation, size.of(c.right), print_.abstract(c.node_label),
             line[c.source])
            for c in interface.checks
        ],
        "constants": [(c.dtype.name, list(c.shape)) for c in table.constants],
        "code": len(image.code),
        "entries": list(image.entries),
        "outside": list(image.outside),
        "inside": list(image.inside),
        "sizes": size.texts,
    }  # fmt: skip
    text = json.dumps(facts, separators=(",", ":")).encode()
    return b"".join([_HEAD.pack(len(text)), text, image.code, constants])


class _Numbering:
    """Sizes by number; each text is written once."""

    def __init__(self, print_: Fingerprint) -> None:
        self.print = print_
        self.known: dict[Size, int] = {}
        self.texts: list[str] = []

    def of(self, size: Size) -> int:
        if size not in self.known:
            self.known[size] = len(self.texts)
            self.texts.append(self.print.abstract_size(size))
        return self.known[size]


def _words(words: Sequence[Word], size: _Numbering) -> _Words:
    plain: list[int] = []
    found: _Words = {
        "plain": plain, "address": [], "function": [], "constant": [], "size": [], "share": [],
    }  # fmt: skip
    for position, word in enumerate(words):
        value = 0
        match word:
            case Located():
                found[word.kind].append((position, word.number))
            case int():
                value = word
            case Address():
                found["address"].append((position, word.position))
            case Share():
                items, work = size.of(word.items), size.of(word.work)
                found["share"].append((position, items, work, word.what, word.most))
            case _:
                found["size"].append((position, size.of(word)))
        plain.append(value)
    return found


def _padded(literal: Literal) -> bytes:
    data = literal.array.tobytes()
    return data + bytes(-len(data) % 64)


# ---------------------------------------------------------------------------- reading


def decoded(data: bytes, draft: Draft, print_: Fingerprint) -> Stored | None:
    """The inverse of `encoded`, for the functions and lines of this process; None if it fails."""
    try:
        return _read(data, draft, print_)
    except (KeyError, ValueError, IndexError, TypeError, struct.error, GraphcError):
        return None


def _read(data: bytes, draft: Draft, print_: Fingerprint) -> Stored | None:
    (length,) = _HEAD.unpack_from(data)
    facts = cast(_Facts, json.loads(data[_HEAD.size : _HEAD.size + length]))
    begin = _HEAD.size + length
    end = begin + facts["code"]
    outside = tuple((at, name) for at, name in facts["outside"])
    addresses = tuple((at, value) for at, value in facts["inside"])
    code = mapped(Image(data[begin:end], tuple(facts["entries"]), outside, addresses))
    if code is None:
        return None
    sizes = [print_.concrete_size(text) for text in facts["sizes"]]
    constants = tuple(_constants(data, end, facts["constants"]))
    members: list[list[Storage]] = [[] for _ in facts["blocks"]]
    cells: dict[Storage, Address] = {}
    for position, place, index in facts["cells"]:
        storage = Storage("", dtypes.uint8, (), place, index)
        cells[storage] = Address(position)
        if place == "arena":
            members[index].append(storage)
    table = Table(
        Memory(_read_words(facts["words"], sizes, code.entries, constants)),
        Address(facts["records"]),
        cells,
        tuple(_checks(facts["checks"], print_)),
        facts["commit"],
        {},
        {},
        constants,
        _kept(facts["kept"]),
    )
    outputs = tuple(
        Storage("", dtypes.BY_NAME[dtype], _shape(shape, sizes), "output", index)
        for index, dtype, shape in facts["outputs"]
    )
    blocks = [
        Block(tuple(inside), sizes[nbytes], first, last)
        for inside, (nbytes, first, last) in zip(members, facts["blocks"])
    ]
    plan = MemoryPlan(blocks)
    return Stored(table, plan, outputs, code, _interface(facts, draft, print_, sizes))


def _read_words(
    facts: _Words, sizes: Sequence[Size], entries: Sequence[int], constants: Sequence[Literal]
) -> list[Word]:
    words: list[Word] = list(facts["plain"])
    for position, number in facts["size"]:
        words[position] = sizes[number]
    for position, to in facts["address"]:
        words[position] = Address(to)
    for position, number in facts["function"]:
        words[position] = entries[number]
    for position, number in facts["constant"]:
        words[position] = address_of(constants[number].array)
    for position, items, work, what, most in facts["share"]:
        words[position] = Share(sizes[items], sizes[work], what, most)
    return words


def _constants(data: bytes, at: int, facts: Iterable[tuple[str, list[int]]]) -> Iterable[Literal]:
    for name, shape in facts:
        dtype = dtypes.BY_NAME[name].numpy
        count = int(np.prod(shape, dtype=np.int64))
        literal = Literal(np.frombuffer(data, dtype, count, at).reshape(shape))
        at += len(_padded(literal))
        yield literal


def _checks(facts: Iterable[tuple[str, int]], print_: Fingerprint) -> Iterable[CheckStep]:
    for problem, line in facts:
        flag = Storage("", dtypes.int32, (), "arena")
        yield CheckStep(flag, print_.concrete(problem), print_.sources[line])


def _kept(fact: tuple[int, list[int]] | None) -> Kept | None:
    return Kept(Address(fact[0]), tuple(fact[1])) if fact else None


def _shape(numbers: Iterable[int], sizes: Sequence[Size]) -> tuple[Size, ...]:
    return tuple(sizes[n] for n in numbers)


def _interface(
    facts: _Facts, draft: Draft, print_: Fingerprint, sizes: Sequence[Size]
) -> Interface:
    """The inputs of the draft with the sizes that are known to be equal made so."""
    inputs = [
        nodes.apply(t.node.op, (), {**t.node.attrs, "shape": _shape(shape, sizes)}, t.node.source)
        for t, shape in zip(draft.graph.inputs, facts["inputs"])
    ]
    checks = [
        SizeCheck(sizes[left], relation, sizes[right], print_.concrete(label), print_.sources[line])
        for left, relation, right, label, line in facts["size_checks"]
    ]
    return Interface(tuple(n.output() for n in inputs), tuple(checks))


# ---------------------------------------------------------------------------- code alone


def encoded_image(image: Image) -> bytes:
    """Code without a table, such as that of the pool."""
    facts = [image.entries, image.outside, image.inside]
    text = json.dumps(facts, separators=(",", ":")).encode()
    return b"".join([_HEAD.pack(len(text)), text, image.code])


def decoded_image(data: bytes) -> Mapped | None:
    """The inverse of `encoded_image`, in memory."""
    try:
        (length,) = _HEAD.unpack_from(data)
        begin = _HEAD.size + length
        entries, outside, inside = json.loads(data[_HEAD.size : begin])
        slots = tuple((at, name) for at, name in outside)
        addresses = tuple((at, value) for at, value in inside)
        return mapped(Image(data[begin:], tuple(entries), slots, addresses))
    except (ValueError, TypeError, struct.error):
        return None
