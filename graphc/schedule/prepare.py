"""Rewrites of a kernel that both native backends want: phases of strides, merged axes, splits.

They are worked out once for all fused kernels that differ in names only, such as those of equal
layers; `Prepared` says what the anonymous buffers stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from graphc.kernels.canonical import anonymous
from graphc.kernels.kernel import Kernel
from graphc.kernels.merge import merge_axes
from graphc.kernels.parallel import THREADS, Grain, split_for_parallelism
from graphc.kernels.phases import split_phases
from graphc.kernels.printer import show
from graphc.kernels.settle import settled
from graphc.kernels.share import shared

MOST = 512
"""How many kernels are remembered."""

_known: dict[tuple[str, Grain], tuple[Kernel, ...]] = {}

Observe = Callable[[str, str, tuple[Kernel, ...]], None]
"""Called with the name of a fused kernel, a rewrite, and the kernels that there are after it."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The kernels that are run for one fused kernel, in order, and what their buffers were called
    in it. Buffers that are not named are memory between these kernels."""

    kernels: tuple[Kernel, ...]
    names: Mapping[str, str]


def prepared(kernel: Kernel, observe: Observe | None = None, grain: Grain = THREADS) -> Prepared:
    """The kernels to run for a fused kernel; `grain` says how much parallel work is wanted."""
    common = anonymous(kernel)
    key = show(common.kernel), grain
    kernels = None if observe else _known.get(key)
    if kernels is None:
        if len(_known) >= MOST:
            _known.clear()
        kernels = _known[key] = _rewritten(common.kernel, kernel.name, observe or _nobody, grain)
    names = {f"b{i}": name for i, name in enumerate(common.buffers)}
    return Prepared(kernels, names)


def _rewritten(kernel: Kernel, name: str, observe: Observe, grain: Grain) -> tuple[Kernel, ...]:
    observe(name, "fusion", (kernel,))
    kernel = shared(settled(kernel))
    observe(name, "share", (kernel,))
    phases = split_phases(kernel) or (kernel,)
    observe(name, "split_phases", phases)
    parts = tuple(k for phase in phases for k in split_for_parallelism(phase, grain))
    observe(name, "split_for_parallelism", parts)
    merged = tuple(map(merge_axes, parts))
    observe(name, "merge_axes", merged)
    return merged


def _nobody(_name: str, _rewrite: str, _kernels: tuple[Kernel, ...]) -> None:
    """Nobody watches."""
