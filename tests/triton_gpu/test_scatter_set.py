"""Of points that meet in a scatter_set the last one stays, as in the reference; they are looked at
side by side."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.ops.index import scatter_set

SHAPES = [
    # x            indices       axis  batch axes
    ((10, 5),      (300,),       0,    0),
    ((10, 5),      (30,),        1,    0),
    ((3, 10, 5),   (3, 30),      1,    1),
    ((3, 10),      (3, 7, 3),    1,    1),
    ((2, 3, 9, 5), (2, 3, 4),    2,    2),
    ((2, 3, 9, 5), (2, 20),      2,    1),
    ((20,),        (40,),        0,    0),
    ((20,),        (0,),         0,    0),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "points", "axis", "batch_dims"), SHAPES)
@pytest.mark.parametrize("is_symbolic", [False, True])
def test_the_last_one_stays(shape, points, axis, batch_dims, is_symbolic):
    rng = np.random.default_rng(1)
    updates = (*shape[:axis], *points[batch_dims:], *shape[axis + 1 :])
    given = (
        rng.normal(size=shape).astype(np.float32),
        rng.integers(-shape[axis], shape[axis], points, np.int32),
        rng.normal(size=updates).astype(np.float32),
    )
    # The size that may vary: the batch, else the points, else the rows beside them.
    varies = (True, True, True) if batch_dims else (axis > 0, axis == 0, True)
    places = [
        ("n", *p[1:]) if is_symbolic and v else p for p, v in zip((shape, points, updates), varies)
    ]
    inputs = [
        gx.placeholder(p, a.dtype, name=f"in{i}") for i, (p, a) in enumerate(zip(places, given))
    ]
    y = scatter_set(*inputs, axis, batch_dims)
    wanted = gx.function(inputs, y, target="reference")(*given)
    f = gx.function(inputs, y, target="triton_interpret")
    np.testing.assert_array_equal(f(*given), wanted)
    sources = [c.launch.source for form in f.executable.forms.values() for c in form.calls]
    assert any("last = tl.maximum" in s for s in sources)
    assert not any("debug_barrier" in s for s in sources), "none goes point by point"
