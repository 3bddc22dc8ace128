"""Products of a matrix and a vector as products of matrices: the vector is one row, or column.

y[n] = sum x[k] w[k, n]   ->   y[n + unit] = sum x[k + unit] w[k, n]      0 <= unit < 1
"""

from __future__ import annotations

from dataclasses import replace

from graphc.kernels.build import affine_sum, as_index
from graphc.kernels.kernel import Affine, Axis, Index, Store
from graphc.kernels.roles import Contraction
from graphc.kernels.walk import rebuild

UNIT = "unit"


def of_matrices(c: Contraction) -> Contraction | None:
    """The contraction with rows and columns; None where it has too little of something."""
    if c.m and c.n:
        return c
    if c.batch or c.columns or not (c.m or c.n):
        return None
    stores = [_moved(s) for s in c.kernel.stores]
    if any(s is None for s in stores):
        return None
    kernel = replace(
        c.kernel,
        axes=(*c.kernel.axes, Axis(UNIT, 1)),
        stores=tuple(s for s in stores if s is not None),
    )
    where = {c.k[-1]: affine_sum(as_axis(c.k[-1]), as_axis(UNIT))}
    if c.m:
        done = rebuild(c.b, None, where)
        return replace(c, kernel=kernel, b=tuple(done[b] for b in c.b), n=(UNIT,))
    return replace(c, kernel=kernel, a=rebuild([c.a], None, where)[c.a], m=(UNIT,))


def as_axis(name: str) -> Affine:
    """The index that counts an axis."""
    index = as_index(name)
    assert isinstance(index, Affine), "an axis is an index"
    return index


def _moved(s: Store) -> Store | None:
    """The store at an index that counts the unit axis, too."""
    index: list[Index] = list(s.index)
    for d, i in enumerate(index):
        if isinstance(i, Affine) and i.is_plain:
            index[d] = affine_sum(i, as_axis(UNIT))
            return replace(s, index=tuple(index), axes=(*s.axes, UNIT))
    return None
