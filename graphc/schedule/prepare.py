"""Rewrites of a kernel that both native backends want: phases of strides, merged axes, splits."""

from __future__ import annotations

from graphc.kernels.kernel import Kernel
from graphc.kernels.merge import merge_axes
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.phases import split_phases
from graphc.kernels.settle import settled


def prepared(kernel: Kernel) -> tuple[Kernel, ...]:
    """The kernels that are run for one fused kernel, in order."""
    parts = split_phases(settled(kernel)) or (kernel,)
    return tuple(merge_axes(k) for part in parts for k in split_for_parallelism(part))
