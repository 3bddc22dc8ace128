"""What tuning chooses between: how one contraction may be done, as a value that can be stored.

The candidates are those near to what the cost model says. Which is fastest is measured
(`measure.py`), when and how long is `tuner.py`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from graphc.backends.llvm_cpu.contract.choose import choose_tile, tiles_near
from graphc.backends.llvm_cpu.contract.emit import emit_contraction
from graphc.backends.llvm_cpu.contract.plan import plan_of, shape_for
from graphc.backends.llvm_cpu.contract.tile import Tile
from graphc.backends.llvm_cpu.host import Target
from graphc.backends.llvm_cpu.ir.emitted import Emitted
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.winograd.convolution import emit_winograd
from graphc.backends.llvm_cpu.winograd.gradient import emit_gradient
from graphc.backends.llvm_cpu.winograd.gradient_plan import gradient_of
from graphc.backends.llvm_cpu.winograd.plan import winograd_of
from graphc.kernels.kernel import Kernel
from graphc.knobs import current


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done; of `lasting` buffers copies are made once and kept between calls."""

    kernel: Kernel
    target: Target
    lasting: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """How a contraction is done: as shapes alone say, or directly with this tile."""

    tile: Tile | None = None

    def __str__(self) -> str:
        t = self.tile
        if t is None:
            return "as usual"
        words = [f"tile {t.outer}x{t.inner}x{t.vectors}", f"unroll {t.unroll}"]
        words += [f"panels {t.panels}"] if t.panels > 1 else []
        words += [f"along {t.along}"] if t.along != "n" else []
        return ", ".join([*words, *(f"{axis} by {n}" for axis, n in t.spans)])

    def encoded(self) -> bytes:
        """As it is kept in the cache."""
        return json.dumps(self.tile and asdict(self.tile)).encode()


USUAL = Choice()


def decoded(data: bytes) -> Choice | None:
    """The inverse of `encoded`; None if these are no bytes of a choice."""
    try:
        found = json.loads(data)
        if found is None:
            return USUAL
        spans = tuple((str(axis), int(n)) for axis, n in found.pop("spans"))
        along, rows_first = str(found.pop("along")), bool(found.pop("rows_first"))
        numbers = {name: int(n) for name, n in found.items()}
        if min(*numbers.values(), *(n for _, n in spans)) < 1:
            return None
        return Choice(Tile(**numbers, spans=spans, rows_first=rows_first, along=along))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def emit_chosen(module: Module, work: Work, choice: Choice = USUAL) -> Emitted | None:
    """A contraction as IR; None if the kernel is none."""
    kernel, target = work.kernel, work.target
    found = None
    if choice.tile is None and not current().exact_convolution:
        found = emit_winograd(module, kernel, target) or emit_gradient(module, kernel, target)
    return found or emit_contraction(module, kernel, target, choice.tile, work.lasting)


def candidates(work: Work) -> list[Choice]:
    """What may be fastest, the usual form first; only that where there is no choice."""
    shape = shape_for(work.kernel, work.target)
    if shape is None or not is_possible(work, Choice(choose_tile(shape))):
        return [USUAL]
    usual, *others = map(Choice, tiles_near(shape))
    direct = [usual, *others] if _is_winograd(work) else others
    return [USUAL, *(c for c in direct if is_possible(work, c))]


def is_possible(work: Work, choice: Choice) -> bool:
    """Whether a kernel can be done so."""
    plan = choice.tile and plan_of(work.kernel, work.target, choice.tile, work.lasting)
    return choice.tile is None or plan is not None


def _is_winograd(work: Work) -> bool:
    """Whether the usual form is not the direct one."""
    if current().exact_convolution:
        return False
    kernel, target = work.kernel, work.target
    return bool(winograd_of(kernel, target) or gradient_of(kernel, target))
