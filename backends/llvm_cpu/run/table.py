"""What native code is given: the words that describe a call, and the table of a whole plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from graphc.ir.literal import Literal
from graphc.schedule.plan import CheckStep, Step, Storage

from .words import Address, Memory


class Call(IntEnum):
    """The words that describe a call to native code; it changes the position alone."""

    # fmt: off
    RECORDS = 0   # address of the first record
    POSITION = 1  # number of the record to go on with
    PARALLEL = 2  # address of the function that runs chunks on all threads
    POOL = 3      # address of its first argument
    BUDGET = 4    # work after which to rest
    TURN = 5      # number of this call, of many in a row
    TURNS = 6     # how many there are
    FEEDS = 7     # address of the first feed
    COUNT = 8     # number of feeds
    # fmt: on


class Feed(IntEnum):
    """The words of a feed: what a cell points to in each of many calls in a row.

    Without `ORDER` the cell points into `SOURCE`, which moves on by `STEP` bytes; else rows of the
    source, those that the order names next, are brought together in `BUFFER`.
    """

    # fmt: off
    CELL = 0    # address of the cell
    SOURCE = 1  # address
    STEP = 2    # bytes
    ORDER = 3   # address of the next row number, or 0
    ROWS = 4    # rows of a call
    BYTES = 5   # of a row
    BUFFER = 6  # address
    CHUNKS = 7  # in which to bring rows together
    # fmt: on


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept between calls: the word that says whether it is there, which native code sets
    and whoever knows better clears, and the numbers of the variables that it depends on."""

    word: Address
    variables: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A whole plan, ready to run: memory, and what its parts mean."""

    memory: Memory
    records: Address
    """The first record."""
    cells: Mapping[Storage, Address]
    """Of storages that keep one place during a call."""
    checks: tuple[CheckStep, ...]
    """Check number n (from 1) has failed: n is the status of the call."""
    commit: int
    """From this record on variables change."""
    steps: Mapping[int, Step]
    """The steps of records that run kernels."""
    extra: Mapping[Step, tuple[Storage, ...]]
    """What steps need in the arena besides the storages of the plan."""
    constants: tuple[Literal, ...]
    """The arrays that words of the memory point to, by number."""
    kept: Kept | None = None
    scratch: tuple[Storage, ...] = ()
    """What is kept besides the storages of the plan."""
