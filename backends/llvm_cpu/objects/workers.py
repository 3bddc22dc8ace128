"""Compiles many modules side by side, in this process and in workers (`codegen.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from graphc import crew
from graphc.errors import CompileError

from . import codegen
from .codegen import Machine

SECONDS_PER_CHARACTER = 0.5e-6
"""What a character of IR text costs to compile: measured on matmul and convolution kernels."""
SECONDS_TO_START = 0.15
"""What a worker costs before its first object: an interpreter and llvmlite's library."""


def trade(machine: Machine) -> crew.Trade:
    """From the text of a module to its object."""
    return crew.Trade(
        Path(codegen.__file__),
        (machine.triple, machine.cpu, machine.features, str(machine.effort)),
        lambda text: SECONDS_PER_CHARACTER * len(text),
        SECONDS_TO_START,
        _refused,
        partial(codegen.compiled, machine=machine),
    )


def compile_all(texts: Sequence[str], machine: Machine) -> list[bytes]:
    """The object of each module text, in the order of the texts.

    Raises:
        CompileError: LLVM refuses a module.
    """
    with crew.Crew(trade(machine)) as workers:
        for text in texts:
            workers.add(text.encode())
        return workers.finish()


def _refused(reason: str, task: bytes) -> CompileError:
    text = task.decode()
    name = next((line for line in text.splitlines() if line.startswith("define")), "")
    return CompileError(
        "LLVM refuses the generated code, a defect of the code generator",
        received=f"{reason.strip()} in the module of: {name}",
        expected="valid LLVM IR",
        fix="report it with the text that GRAPHC_DEBUG=4 prints",
    )
