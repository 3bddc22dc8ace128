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
    # fmt: on


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
