"""Backends by name: the only file that knows where they are, as text, and what they must offer.

The core imports no backend; one is loaded when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple, Protocol, cast, runtime_checkable

import numpy as np

from graphc.batches import Batches
from graphc.errors import UnknownNameError
from graphc.feed import Given, Resident
from graphc.ir.node import Node
from graphc.passes.pipeline import PassReport
from graphc.program import Draft, Interface, Program
from graphc.schedule.plan import Plan

_BACKENDS = {
    "reference": "graphc.backends.reference.backend:ReferenceBackend",
    "llvm_cpu": "graphc.backends.llvm_cpu.backend:LLVMBackend",
    "triton_gpu": "graphc.backends.triton_gpu.backend:GPUBackend",
    "triton_interpret": "graphc.backends.triton_gpu.backend:InterpretBackend",
}


class Memory(NamedTuple):
    """Bytes of a function: what each call allocates, what it keeps, what it shares."""

    results: int
    """New arrays at each call."""
    intermediate: int
    """The arena, of which the largest so far stays allocated."""
    variables: int

    @property
    def total(self) -> int:
        """All together, during a call."""
        return sum(self)


class Executable(Protocol):
    """A compiled program."""

    def run(self, inputs: Sequence[np.ndarray], sizes: Mapping[str, int]) -> list[np.ndarray]:
        """The results; updates the storage of the program's variables in place.

        Inputs are C-contiguous, of the dtypes and shapes of the program at these sizes.
        """
        ...

    def explain(self, report: Sequence[PassReport] = ()) -> str:
        """The passes of the report, kernels, fusion decisions with their reasons, memory."""
        ...


@runtime_checkable
class Repeating(Protocol):
    """An executable that runs for many batches in one call."""

    def repeat(self, batches: Batches) -> list[np.ndarray]:
        """What `graphc.batches.one_by_one` does."""
        ...


@runtime_checkable
class Hosting(Protocol):
    """An executable with memory of its own: inputs may be there, and results may stay there."""

    def adopt(self, value: object) -> Resident | None:
        """An array in this memory, as inputs take it; None if it is none."""
        ...

    def run_there(self, inputs: Sequence[Given], sizes: Mapping[str, int]) -> Sequence[Resident]:
        """As `run`; what it gives is never written again while somebody holds it."""
        ...


@runtime_checkable
class Planned(Protocol):
    """An executable whose kernels can be counted and shown."""

    plan: Plan


@runtime_checkable
class Planning(Protocol):
    """An executable that knows its memory before it runs."""

    def needs(self, sizes: Mapping[str, int]) -> Memory:
        """What a call at these sizes needs."""
        ...


class Backend(Protocol):
    """All that the core may ask of a backend."""

    name: str

    def compile(self, program: Program) -> Executable:
        """The program, ready to run."""
        ...

    def evaluate_node(self, inputs: Sequence[np.ndarray], node: Node) -> list[np.ndarray]:
        """One node on given values: what eager mode runs."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A backend that keeps what it has compiled, and may know a function before any pass runs."""

    def build(self, draft: Draft) -> tuple[Executable, Interface]:
        """The draft, ready to run, and what its callers must know."""
        ...


_loaded: dict[str, Backend] = {}


def built(draft: Draft, target: str) -> tuple[Executable, Interface]:
    """A draft compiled for a target."""
    chosen = backend(target)
    if isinstance(chosen, Remembering):
        return chosen.build(draft)
    program = draft.program
    return chosen.compile(program), Interface(program.inputs, program.checks)


def register_backend(name: str, where: str) -> None:
    """Make a backend known: `register_backend("mine", "package.module:ClassName")`."""
    _BACKENDS[name] = where
    _loaded.pop(name, None)


def backend(name: str) -> Backend:
    """The backend of that name, loaded on first use."""
    if name not in _BACKENDS:
        raise UnknownNameError(
            "no such target",
            received=repr(name),
            expected=", ".join(sorted(_BACKENDS)),
            fix='gx.register_backend(name, "package.module:ClassName")',
        )
    if name not in _loaded:
        module, _, attribute = _BACKENDS[name].partition(":")
        _loaded[name] = cast(Backend, vars(import_module(module))[attribute]())
    return _loaded[name]
