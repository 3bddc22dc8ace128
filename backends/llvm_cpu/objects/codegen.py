"""LLVM IR text -> object code, in this process or in a worker process.

Imports nothing of this project, so that a worker starts in the time that llvmlite takes to load.
The processes are started by `workers.py`; linking is in `jit.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import llvmlite.binding as llvm


@dataclass(frozen=True, slots=True)
class Machine:
    """LLVM's name for a target, and how hard to try (the switch `llvm_opt`)."""

    triple: str
    cpu: str
    features: str
    effort: int = 2


def compile_object(text: str, machine: Machine) -> bytes:
    """The relocatable object of one module; RuntimeError with LLVM's words if it is not valid."""
    module, target_machine = _optimised(text, machine)
    return target_machine.emit_object(module)


def assembly(text: str, machine: Machine) -> str:
    """The same as assembly text, for people."""
    module, target_machine = _optimised(text, machine)
    return target_machine.emit_assembly(module)


def optimised(text: str, machine: Machine) -> str:
    """The module after LLVM's own passes, for people."""
    return str(_optimised(text, machine)[0])


def _optimised(text: str, machine: Machine) -> tuple[llvm.ModuleRef, llvm.TargetMachine]:
    _prepare()
    module = llvm.parse_assembly(text, context=llvm.create_context())
    module.verify()
    # Position independent code of the small model links both into the process and by a linker.
    target_machine = llvm.Target.from_triple(machine.triple).create_target_machine(
        cpu=machine.cpu,
        features=machine.features,
        opt=machine.effort,
        reloc="pic",
        codemodel="small",
    )
    module.triple = machine.triple
    module.data_layout = str(target_machine.target_data)
    _run_passes(module, target_machine, machine.effort)
    return module, target_machine


@cache
def _prepare() -> None:
    """All targets, and no search for equal sums of phis: in LLVM 22 some kernels trip over it."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.set_option("graphc", "--enable-phi-of-ops=false")


def _run_passes(module: llvm.ModuleRef, target_machine: llvm.TargetMachine, effort: int) -> None:
    """The generator unrolls and vectorises itself: three passes that clean up are enough."""
    options = llvm.create_pipeline_tuning_options(speed_level=effort)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_unrolling = False
    options.loop_interleaving = False
    builder = llvm.create_pass_builder(target_machine, options)
    if effort == 3:
        builder.getModulePassManager().run(module, builder)
        return
    if effort == 0:
        return
    passes = llvm.create_new_function_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)


def compiled(text: bytes, machine: Machine) -> bytes:
    """The object of a module that came as bytes."""
    return compile_object(text.decode(), machine)


def worker(triple: str, cpu: str, features: str, effort: str) -> Callable[[bytes], bytes]:
    """What a worker process does: from the text of a module to its object."""
    return partial(compiled, machine=Machine(triple, cpu, features, int(effort)))
