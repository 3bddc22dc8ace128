"""Which storages a step reads and writes: what ordering, lifetimes and in-place writing ask."""

from __future__ import annotations

from graphc.kernels.kernel import Kernel, Load
from graphc.kernels.walk import expressions_of

from .plan import (
    CheckStep,
    CondStep,
    CopyStep,
    CumulativeStep,
    KernelStep,
    ScanStep,
    SortStep,
    Step,
    Storage,
    WhileStep,
)


def reads(step: Step) -> tuple[Storage, ...]:
    """Storages whose contents a step needs."""
    match step:
        case KernelStep(kernel=kernel, bound=bound):
            names = loaded(kernel) | {s.buffer.name for s in kernel.stores if s.keep}
            return tuple(dict.fromkeys(bound[n] for n in bound if n in names))
        case SortStep(x=x) | CumulativeStep(x=x):
            return (x,)
        case ScanStep(init=init, xs=xs, captured=captured):
            return (*init, *xs, *captured)
        case WhileStep(init=init, captured=captured):
            return (*init, *captured)
        case CondStep(predicate=predicate, captured=captured):
            return (predicate, *captured)
        case CheckStep(flag=flag):
            return (flag,)
        case CopyStep(source=source):
            return (source,)


def writes(step: Step) -> tuple[Storage, ...]:
    """Storages that a step fills."""
    match step:
        case KernelStep(kernel=kernel, bound=bound):
            return tuple(dict.fromkeys(bound[s.buffer.name] for s in kernel.stores))
        case SortStep(values=values, indices=indices):
            return (values, indices)
        case CumulativeStep(y=y):
            return (y,)
        case ScanStep(final=final, ys=ys, before=before, after=after):
            return (*final, *ys, *(rows for _, rows in (*before, *after)))
        case WhileStep(final=final):
            return final
        case CondStep(results=results):
            return results
        case CheckStep():
            return ()
        case CopyStep(target=target):
            return (target,)


def loaded(kernel: Kernel) -> set[str]:
    """The names of buffers that a kernel loads from."""
    return {e.buffer.name for e in expressions_of(kernel) if isinstance(e, Load)}
