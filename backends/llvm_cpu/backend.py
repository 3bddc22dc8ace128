"""The CPU backend: plans programs, compiles them, and runs single nodes for eager mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, final

import numpy as np

from graphc import cache, knobs
from graphc.ir.fingerprint import fingerprint
from graphc.ir.node import Node
from graphc.program import Draft, Interface, Program
from graphc.single import Nodes
from graphc.target import Executable

from . import late
from .run import stored
from .run.restored import Restored

if TYPE_CHECKING:
    from .program import LLVMExecutable

CHECKED = 2
"""From this level of checking on functions are not taken from the cache: their passes must run."""


@final
class LLVMBackend:
    """What `graphc.target.Backend` asks for."""

    name = "llvm_cpu"

    def __init__(self) -> None:
        self._nodes = Nodes(self.compile)

    def build(self, draft: Draft) -> tuple[Executable, Interface]:
        """The draft as machine code: from the cache, else compiled and kept there.

        Raises:
            CompileError: a kernel cannot be compiled, a defect of the code generator.
        """
        if not _may_remember():
            program = draft.program
            return self.compile(program), Interface(program.inputs, program.checks)
        print_ = fingerprint(draft.graph)
        key = stored.key_of(draft, print_)
        data = cache.lookup(key, stored.KIND)
        if data is not None and (found := stored.decoded(data, draft, print_)) is not None:
            return Restored(found, draft), found.interface
        program = draft.program
        made = self.compile(program)
        interface = Interface(program.inputs, program.checks)
        if (data := made.stored(print_, interface)) is not None:
            cache.store(key, data, stored.KIND)
        return made, interface

    def compile(self, program: Program) -> LLVMExecutable:
        """The program as machine code.

        Raises:
            CompileError: a kernel cannot be compiled, a defect of the code generator.
        """
        return late.executable(program)

    def evaluate_node(self, inputs: Sequence[np.ndarray], node: Node) -> list[np.ndarray]:
        """One node on given values, all sizes known. Equal nodes are compiled once."""
        switches = knobs.current()
        return self._nodes.evaluate(inputs, node, (switches.exact_convolution, switches.machine))


def _may_remember() -> bool:
    """Whether nobody wants to see or check how a function is compiled."""
    switches = knobs.current()
    watched = switches.debug or switches.dump is not None or switches.check >= CHECKED
    return switches.cache and not watched
