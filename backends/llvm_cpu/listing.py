"""The code of a program for people: LLVM IR and assembly of each distinct step (`GRAPHC_DEBUG`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from graphc.debug.stages import Listing
from graphc.schedule.plan import Step

from .host import chosen
from .kernels import Native
from .objects import codegen, jit


def listings(native: Mapping[Step, Native]) -> Iterator[Listing]:
    """One listing for all steps that share their code."""
    sharing: dict[str, list[Step]] = {}
    units: dict[str, jit.Unit] = {}
    for step, made in native.items():
        unit = units.setdefault(made.form.unit.key, made.form.unit)
        sharing.setdefault(unit.key, []).append(step)
    for key, unit in units.items():
        yield Listing(tuple(sharing[key]), unit.write, partial(_assembly, unit))


def _assembly(unit: jit.Unit) -> str:
    return codegen.assembly(unit.write(), jit.machine_of(chosen()))
