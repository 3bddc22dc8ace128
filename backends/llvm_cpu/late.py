"""The half of this backend that needs LLVM, loaded when something is compiled.

A process whose functions are all in the cache does without: LLVM alone takes longer to load than
such a function to start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.program import Program

if TYPE_CHECKING:
    from .objects.elf import Image
    from .program import LLVMExecutable


def executable(program: Program) -> LLVMExecutable:
    """The program as machine code."""
    from .program import compiled

    return compiled(program)


def pool_functions(portable: bool) -> tuple[tuple[int, ...], Image | None, object]:
    """The functions of a pool, their image, and what keeps them in memory."""
    from .program import pool_functions

    return pool_functions(portable)
