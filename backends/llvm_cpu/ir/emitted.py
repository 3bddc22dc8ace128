"""What emitting a kernel gives: native functions to be run one after the other, and their scratch.

Every function has the signature `void name(ptr %args, i32 %chunk, i32 %nchunks)` (see `entry.py`);
chunk c of n does items c*items/n up to (c+1)*items/n, so the bits never depend on n.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.dtypes import DType
from graphc.ir.dim import Size


@dataclass(frozen=True, slots=True)
class Phase:
    """One parallel-for: any number of chunks is right, more than `items` are useless."""

    function_name: str
    items: Size
    reads: tuple[int, ...] = ()
    """Of a phase that only fills the scratch buffer of its own number: the numbers of the buffers
    that it reads. Where these do not change, neither does what it prepares."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """A kernel as phases that run one after the other."""

    phases: tuple[Phase, ...]
    scratch: tuple[tuple[DType, Size], ...] = ()
    """Buffers that phases share, as (dtype, elements); their cells follow those of the kernel."""
