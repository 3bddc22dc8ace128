"""The plain memory that the interpreter works on: i64 words, some of which depend on sizes.

Words are collected first and then laid out in one array, because addresses of words are words too.
What they mean is decided in `steps.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from graphc.ir import dim
from graphc.ir.dim import Size

FEW_CHUNKS = 16
"""Chunks of whatever is shared at all: even a few threads then end together."""
MOST_CHUNKS = 256
"""Chunks of the largest phases, a few for each of many threads."""
CHUNK_WORK = 160_000 * 32
"""Work that more chunks than few must be worth: about 20 microseconds of vectors."""
SMALLEST_SHARED = 40_000 * 32
"""Work (see `estimate.py`) below which waking other threads costs more than it saves: vectors make
about 5 microseconds of it."""
LONGEST_PART = 200_000_000 * 32
"""Work after which a long phase looks up: it runs in parts."""
MOST_PARTS = 1 << 20
_LARGEST = (1 << 62) - 1


Part = Literal["parts", "chunks", "all chunks", "work"]


@dataclass(frozen=True, slots=True)
class Address:
    """The address of the word at this position."""

    position: int

    def __add__(self, words: int) -> Address:
        return Address(self.position + words)


@dataclass(frozen=True, slots=True)
class Share:
    """How a phase is divided: into parts, one after the other, of equally many chunks each."""

    items: Size
    work: Size
    what: Part
    """The number that is asked for; the work is that of one part."""
    most: int = MOST_CHUNKS
    """More chunks there must not be."""


@final
class Located(int):
    """An address in this process, and what lies there: the function or constant of some number."""

    kind: Literal["function", "constant"]
    number: int

    @staticmethod
    def at(address: int, kind: Literal["function", "constant"], number: int) -> Located:
        """The address of something."""
        made = Located(address)
        made.kind, made.number = kind, number
        return made


Word = int | dim.Dim | Address | Share


class Sizes:
    """The values of sizes at one call; every polynomial is evaluated once."""

    def __init__(self, named: Mapping[str, int]) -> None:
        self.named = named
        self._known: dict[Size, int] = {}

    def value(self, size: Size) -> int:
        """The value of a size."""
        if isinstance(size, int):
            return size
        if size not in self._known:
            self._known[size] = dim.evaluate(size, self.named)
        return self._known[size]

    def word(self, word: dim.Dim | Share) -> int:
        """The number that a word holds at these sizes."""
        if isinstance(word, dim.Dim):
            return min(self.value(word), _LARGEST)
        work, items = self.value(word.work), max(1, self.value(word.items))
        wanted = max(FEW_CHUNKS, work // CHUNK_WORK) if work >= SMALLEST_SHARED else 1
        # A long phase keeps items for its parts, unless that leaves fewer than a few chunks.
        long = max(1, work // LONGEST_PART)
        chunks = min(items, wanted, word.most, max(FEW_CHUNKS, items // long))
        parts = min(long, items // chunks, MOST_PARTS)
        numbers = {"parts": parts, "chunks": chunks, "all chunks": parts * chunks}
        return min(numbers.get(word.what, work // parts), _LARGEST)


@final
class Words:
    """Words in the making."""

    def __init__(self) -> None:
        self._words: list[Word] = []

    def add(self, *words: Word) -> Address:
        """Append words; the address of the first one."""
        start = Address(len(self._words))
        self._words.extend(words)
        return start

    def lay_out(self) -> Memory:
        """The words as memory."""
        return Memory(self._words)


@final
class Memory:
    """Laid out words. Those that depend on sizes are 0 until `set_sizes`."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.words = tuple(words)
        self.array = np.zeros(len(words), np.int64)
        self.cells = self.array.data
        self.start = self.array.ctypes.data
        self._where: list[int] = []
        self._symbolic: list[dim.Dim | Share] = []
        known = Sizes({})
        for position, word in enumerate(words):
            if isinstance(word, Address):
                self.array[position] = self.address(word)
            elif isinstance(word, int):
                self.array[position] = min(word, _LARGEST)
            elif all(isinstance(size, int) for size in _sizes_in(word)):
                self.array[position] = known.word(word)
            else:
                self._where.append(position)
                self._symbolic.append(word)

    @property
    def names(self) -> frozenset[str]:
        """The named sizes that words depend on."""
        sizes = [x for w in self._symbolic for x in _sizes_in(w)]
        return frozenset(n for size in sizes for n in dim.names_of(size))

    def address(self, word: Address) -> int:
        """Where a word lies."""
        return self.start + 8 * word.position

    def at(self, address: int) -> int:
        """The word that lies there now."""
        return int(self.array[(address - self.start) // 8])

    def values(self, sizes: Sizes) -> np.ndarray:
        """The words that depend on sizes, for `set_values`."""
        return np.array([sizes.word(w) for w in self._symbolic], np.int64)

    def set_values(self, values: np.ndarray) -> None:
        """Write what `values` has answered."""
        self.array[self._where] = values


def _sizes_in(word: dim.Dim | Share) -> tuple[Size, ...]:
    return (word.items, word.work) if isinstance(word, Share) else (word,)
