"""Few results that are sums over the same elements are summed in one pass.

    dw[p, q, c] = sum x[n, i + p, j + q, c] dy[n, i, j, c] over n i j
      ->  dw[0, 0, c] = .., dw[0, 1, c] = .., .. : a pass over the images holds all of them
This is the weight gradient of a depthwise convolution: what it reads is read once, not per tap.
"""

from __future__ import annotations

from itertools import product
from math import prod

from graphc.ir.dim import Size
from graphc.kernels.kernel import Affine, Kernel, Load, Reduce, Store
from graphc.kernels.levels import roots_of_store
from graphc.kernels.settle import with_axes
from graphc.kernels.walk import walk

MOST_TAPS = 9
"""Results that are summed at once: their vectors stay in registers."""
LEAST_PIECES = 16
"""Independent pieces of work that must be left."""
LONG_SUM = 64
"""Elements of a sum that is worth it."""


def with_taps_written_out(kernel: Kernel, lanes: str | None) -> Kernel:
    """The kernel with one store per value of its short axes, where one pass then serves all."""
    if len(kernel.stores) != 1:
        return kernel
    (s,) = kernel.stores
    taps = _taps(kernel, s, lanes)
    if not taps:
        return kernel
    axes = tuple(a for a in kernel.axes if a.name not in taps)
    stores: list[Store] = []
    for point in product(*(range(size) for size in taps.values())):
        where = {n: Affine((), at) for n, at in zip(taps, point)}
        stores += with_axes(kernel, axes, where).stores
    return Kernel(kernel.name, axes, tuple(stores))


def _taps(kernel: Kernel, s: Store, lanes: str | None) -> dict[str, int]:
    """The short axes along which all sums read some array at the same elements."""
    sums = [e for e in walk(roots_of_store(s)) if isinstance(e, Reduce)]
    if s.combine or len({e.axes for e in sums}) != 1:
        return {}
    short = {n: _known(kernel.axis(n).size) for n in s.axes if n != lanes}
    taps = {n: size for n, size in short.items() if 1 < size <= MOST_TAPS}
    parents = {a.part.parent for a in kernel.axes if a.part}
    taps = {n: size for n, size in taps.items() if n not in parents and not kernel.axis(n).part}
    loads = [e for e in walk([e.arg for e in sums]) if isinstance(e, Load)]
    same = any(frozenset(e.free) >= frozenset(sums[0].axes) - parents and not e.free & taps.keys()
               for e in loads)  # fmt: skip
    long = prod(_known(kernel.axis(n).size) or LONG_SUM for n in sums[0].axes) >= LONG_SUM
    rest = [_known(kernel.axis(n).size) or LEAST_PIECES for n in s.axes if n not in (*taps, lanes)]
    enough = prod(rest) >= LEAST_PIECES and prod(taps.values()) <= MOST_TAPS
    return taps if taps and same and long and enough else {}


def _known(size: Size) -> int:
    return size if isinstance(size, int) else 0
