"""From the steps of a plan to machine code: emitted once per distinct kernel, cached, linked.

A kernel is found again by its canonical text. What its emission answered (phases, scratch) is kept
in the cache beside the object, so that a second process emits and compiles nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

from graphc import cache, dtypes
from graphc.dtypes import DType
from graphc.ir.dim import Size, named, parse_size, product, substitute
from graphc.kernels.canonical import Canonical, canonical
from graphc.kernels.kernel import Reduce
from graphc.kernels.printer import show
from graphc.kernels.walk import expressions_of, size_names
from graphc.knobs import current
from graphc.schedule.plan import CopyStep, CumulativeStep, KernelStep, SortStep, Step, Storage

from . import estimate
from .host import chosen
from .ir.emitted import Emitted, Phase
from .ir.module import Module
from .nest import ordered, ordered_sort
from .nest.emit_map import emit_map
from .objects import jit, keys
from .run import runtime_ir
from .run.words import MOST_CHUNKS
from .tuning.choice import USUAL, Choice, Work, emit_chosen
from .tuning.tuner import TUNER


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A step as functions to call: their unit, phases, and the cells that arguments point to."""

    unit: jit.Unit
    phases: tuple[Phase, ...]
    pointers: tuple[Storage, ...]
    numbers: tuple[Size, ...]
    work: Size
    scratch: tuple[Storage, ...] = ()
    """Storages of this step alone; they are among the pointers."""
    most_chunks: int = MOST_CHUNKS
    """How many chunks its scratch storages have room for."""
    note: str = ""
    """What people may want to know of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Native:
    """A form whose functions are in memory: (address, items) of each phase."""

    form: Form
    phases: tuple[tuple[int, Size], ...]


@final
class Compilation:
    """Machine code in the making: kernels are compiled while later ones are still planned."""

    def __init__(self, expected: float = 0.0) -> None:
        self._batch = jit.Batch(chosen(), expected)
        self._forms: dict[Step, Form | None] = {}

    def __enter__(self) -> Compilation:
        return self

    def __exit__(self, *_: object) -> None:
        self._batch.__exit__()

    def begin(self, step: Step) -> None:
        """Compile what a step runs. Tuning waits: what is timed should have the machine alone."""
        if current().tune:
            return
        form = self._form(step)
        if form is not None:
            self._batch.add(form.unit)

    def finish(self, steps: Sequence[Step]) -> tuple[dict[Step, Native], jit.Linked]:
        """Machine code for the kernels, sorts, running sums and copies among the steps.

        Besides these the linked code has the functions of the interpreter, as its first unit.
        """
        forms = {step: form for step in steps if (form := self._form(step)) is not None}
        self._batch.add(runtime_unit())
        for form in forms.values():
            self._batch.add(form.unit)
        units = [runtime_unit(), *(form.unit for form in forms.values())]
        linked = jit.linked(units, self._batch.finish())
        native = {
            step: Native(form, tuple((code[p.function_name], p.items) for p in form.phases))
            for (step, form), code in zip(forms.items(), linked.addresses[1:])
        }
        return native, linked

    def _form(self, step: Step) -> Form | None:
        if step not in self._forms:
            self._forms[step] = form_of(step)
        return self._forms[step]


def form_of(step: Step) -> Form | None:
    """The form of a step; None if the interpreter does it itself."""
    match step:
        case KernelStep():
            return _kernel(step)
        case SortStep():
            return _sort(step)
        case CumulativeStep():
            return _cumulative(step)
        case CopyStep():
            return copy_form(step.source, step.target)
        case _:
            return None


# ---------------------------------------------------------------------------- fused kernels


_emitted: dict[str, Emitted] = {}


def _kernel(step: KernelStep) -> Form:
    common = canonical(step.kernel)
    text = show(common.kernel)
    lasting = _lasting(step, common)
    work = Work(common.kernel, chosen(), lasting)
    choice = TUNER.choice(work, text) if current().tune else USUAL
    emitted, write = emission(work, text, choice)
    sizes = tuple(map(named, common.sizes))
    meaning: dict[str, Size] = dict(zip(size_names(common.kernel), sizes))
    phases = tuple(replace(p, items=substitute(p.items, meaning)) for p in emitted.phases)
    scratch = tuple(_scratch(d, substitute(n, meaning)) for d, n in emitted.scratch)
    pointers = (*(step.bound[n] for n in common.buffers), *scratch)
    key = f"kernel {_rules(lasting, choice)}\n{text}"
    unit = jit.Unit(key, write, tuple(p.function_name for p in phases))
    note = "" if choice == USUAL else f"tuned: {choice}"
    return Form(unit, phases, pointers, sizes, estimate.work_of(step.kernel), scratch, note=note)


def _lasting(step: KernelStep, common: Canonical) -> frozenset[str]:
    """The buffers that hold between calls, where it matters: sums of products prepare operands."""
    if not any(isinstance(e, Reduce) for e in expressions_of(step.kernel)):
        return frozenset()
    return frozenset(f"b{i}" for i, name in enumerate(common.buffers) if name in step.lasting)


def emission(work: Work, text: str, choice: Choice = USUAL) -> tuple[Emitted, Callable[[], str]]:
    """What emitting a kernel answers, and how to get the IR text."""
    key = keys.key_of("emitted", text, work.target.key(), _rules(work.lasting, choice))
    if key not in _emitted and (data := cache.lookup(key)) is not None:
        _emitted[key] = decoded(data)
    if key in _emitted:
        return _emitted[key], lambda: emit(work, choice)[1].text()
    emitted, module = emit(work, choice)
    cache.store(key, encoded(emitted))
    _emitted[key] = emitted
    return emitted, module.text


def emit(work: Work, choice: Choice = USUAL) -> tuple[Emitted, Module]:
    """A kernel as IR: the generator of contractions if it wants it, else that of maps."""
    module = Module(work.target)
    emitted = emit_chosen(module, work, choice)
    return emitted or emit_map(module, work.kernel, work.target), module


def _rules(lasting: frozenset[str], choice: Choice) -> str:
    """What decides besides its text which code a kernel becomes."""
    words = ["exact"] * current().exact_convolution + sorted(lasting)
    return " ".join(words if choice == USUAL else [*words, str(choice)])


def encoded(emitted: Emitted) -> bytes:
    """As it is kept in the cache."""
    phases = [[p.function_name, str(p.items), p.reads] for p in emitted.phases]
    scratch = [[d.name, str(n)] for d, n in emitted.scratch]
    return json.dumps([phases, scratch]).encode()


def decoded(data: bytes) -> Emitted:
    """The inverse of `encoded`."""
    phases, scratch = json.loads(data)
    return Emitted(
        tuple(Phase(name, parse_size(items), tuple(reads)) for name, items, reads in phases),
        tuple((dtypes.BY_NAME[d], parse_size(n)) for d, n in scratch),
    )


def _scratch(dtype: DType, elements: Size) -> Storage:
    return Storage("scratch", dtype, (elements,), "arena")


# ---------------------------------------------------------------------------- other steps


def copy_form(source: Storage, target: Storage) -> Form:
    """target = source."""
    size = target.nbytes
    phase = Phase("graphc_copy", size // runtime_ir.COPY_UNIT + 1)
    return Form(runtime_unit(), (phase,), (source, target), (size,), size * 2)


def runtime_unit() -> jit.Unit:
    """The interpreter and the copy kernel."""
    return jit.unit_of(runtime_ir.runtime_module(chosen()).text(), *runtime_ir.NAMES)


def _around(shape: tuple[Size, ...], axis: int) -> tuple[Size, Size, Size]:
    """(outer, length, inner) around an axis."""
    return product(shape[:axis]), shape[axis], product(shape[axis + 1 :])


def _sort(step: SortStep) -> Form:
    module = Module(chosen())
    ordered_sort.emit_sort(module, step)
    name = ordered_sort.sort_name(step)
    outer, length, inner = _around(step.x.shape, step.axis)
    rows = outer * inner
    scratch = _scratch(dtypes.uint8, ordered_sort.scratch_bytes(step.x.dtype, rows, length))
    return Form(
        jit.unit_of(module.text(), name),
        (Phase(name, rows),),
        (step.x, step.values, step.indices, scratch),
        (rows, length, inner),
        rows * length * (32 * estimate.PER_NANOSECOND),
        (scratch,),
        ordered_sort.ROOMS,
    )


def _cumulative(step: CumulativeStep) -> Form:
    module = Module(chosen())
    ordered.emit_cumulative(module, step, chosen())
    name = ordered.cumulative_name(step)
    outer, length, inner = _around(step.x.shape, step.axis)
    return Form(
        jit.unit_of(module.text(), name),
        (Phase(name, outer * inner),),
        (step.x, step.y),
        (outer, length, inner),
        outer * length * inner * (2 * estimate.PER_NANOSECOND),
    )
