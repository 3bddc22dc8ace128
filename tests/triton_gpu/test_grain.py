"""How a GPU's kernels are cut into parts: enough of them, even, none empty, the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contraction_forms import Conv, arrays_of, axes, buffer, kernel, matmul, run_oracle

from graphc import dtypes
from graphc.backends.triton_gpu.grain import GRAIN
from graphc.ir import dim
from graphc.kernels.build import load, op, reduce, store
from graphc.kernels.kernel import Kernel
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.walk import buffers_of
from graphc.schedule.prepare import prepared

B = dim.named("batch")
F64 = dtypes.float64


def summed(kept: str, **sizes) -> Kernel:
    """The sum of squares of an array over all axes that are not kept."""
    x = load(buffer("x", *sizes.values(), dtype=F64), *sizes)
    names = [n for n in sizes if n not in kept]
    total = reduce("sum", op("mul", x, x), names)
    shape = [sizes[n] for n in kept]
    return kernel("total", axes(**sizes), store(buffer("y", *shape, dtype=F64), kept, total))


def parts_of(kernels: tuple[Kernel, ...]) -> set[int]:
    return {a.size for a in kernels[0].axes if a.name.endswith("_part")}


# fmt: off
CUTS = [  # a kernel, and into how many parts a GPU cuts it
    (summed("c", n=100_000, c=64),                             {264}),  # blocks of 379
    (summed("c", n=100_000, c=1024),                           {17}),   # 16 pieces of columns
    (summed("c", n=100, c=1024),                               {17}),
    (summed("c", n=B, c=1024),                                 {16}),
    (summed("n", n=8, c=1_000_000),                            {33}),   # the contiguous axis, too
    (summed("", n=3_000_000),                                  {264}),
    (summed("n", n=1000, c=1_000),                             set()),  # rows enough
    (summed("c", n=100, c=64),                                 set()),  # soon done
    (matmul(64, 64, 100_000, "tn", F64),                       {196}),  # 512 products for each
    (matmul(1024, 512, 4096, "tn", F64),                       {5}),
    (matmul(1024, 1024, 4096, "tn", F64),                      set()),  # tiles enough
    (matmul(1024, 1024, 32768, "tn", F64),                     {3}),    # they may be larger
    (matmul(4096, 4096, 4096, "nn", F64),                      set()),
    (Conv(64, (28, 28), 64, 64, (3, 3), pad=1).weight_gradient(), {64}),
    (Conv(64, (14, 14), 256, 256, (3, 3), pad=1).weight_gradient(), {4}),  # of 16 images
    (Conv(B, (28, 28), 512, 512, (3, 3), pad=1).weight_gradient(), set()),
]
# fmt: on


@pytest.mark.parametrize(("whole", "parts"), CUTS, ids=range(len(CUTS)))
def test_parts(whole, parts):
    assert parts_of(split_for_parallelism(whole, GRAIN)) == parts


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        (summed("c", n=501, c=3), 7),
        (summed("n", n=3, c=501), 3),
        (summed("", n=1003), 7),
        (matmul(3, 4, 501, "tn", F64), 7),
    ],
)
def test_parts_mean_the_whole(whole, parts):
    small = replace(GRAIN, parts=7, small_work=1, small_products=1, least_sum=1, step=1)
    kernels = split_for_parallelism(whole, small)
    assert parts_of(kernels) == {parts}
    same(whole, kernels, {})


# fmt: off
STEPS = [  # a sum, the products of which a part is a multiple; parts, and points of one
    (matmul(3, 4, 501, "tn", F64), 64, 8, 64),
    (matmul(3, 4, 897, "tn", F64), 64, 8, 128),
    (matmul(3, 4, 100, "tn", F64), 64, 7, 16),   # there are too few for more
    (matmul(3, 4, B, "tn", F64), 16, 8, 16),
    (Conv(28, (6, 12), 2, 3, (3, 3), pad=1, dtype=F64).weight_gradient(), 16, 7, 4),  # 4 of 6 * 12
]
# fmt: on


@pytest.mark.parametrize(("whole", "step", "parts", "points"), STEPS, ids=range(len(STEPS)))
def test_parts_of_products_are_whole_blocks(whole, step, parts, points):
    grain = replace(GRAIN, parts=7, small_products=1, least_sum=1, step=step)
    kernels = split_for_parallelism(whole, grain)
    (part,) = (a.part for a in kernels[0].axes if a.part)
    assert (parts_of(kernels), dim.divisor(part.block)) == ({parts}, points)
    same(whole, kernels, {"batch": 150})


def same(whole: Kernel, kernels: tuple[Kernel, ...], sizes: dict[str, int]) -> None:
    """The parts compute what the whole does."""
    start = arrays_of([whole, *kernels], sizes)
    (result,) = (s.buffer.name for s in whole.stores)
    want, got = (run_oracle(list(k), start, sizes)[result] for k in ([whole], kernels))
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_what_is_prepared_for_a_cpu_is_not_what_is_prepared_for_a_gpu():
    whole = summed("c", n=100_000, c=64)
    cpu, gpu, again = prepared(whole), prepared(whole, grain=GRAIN), prepared(whole)
    assert [parts_of(x.kernels) for x in (cpu, gpu, again)] == [{16}, {264}, {16}]
    assert again.kernels is cpu.kernels
    assert {b.name for k in gpu.kernels for b in buffers_of(k)} >= set(gpu.names)
