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
    (matmul(64, 64, 100_000, "tn", F64),                       {174}),  # 576 products for each
    (matmul(1024, 1024, 4096, "tn", F64),                      {3}),
    (matmul(4096, 4096, 4096, "nn", F64),                      set()),
    (Conv(64, (28, 28), 64, 64, (3, 3), pad=1).weight_gradient(), {64}),
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
    same(whole, kernels)


@pytest.mark.parametrize(
    ("length", "step", "parts", "block"), [(501, 64, 4, 128), (513, 64, 5, 128), (B, 16, 6, 16)]
)
def test_parts_of_products_are_whole_blocks(length, step, parts, block):
    whole = matmul(3, 4, length, "tn", F64)
    grain = replace(GRAIN, parts=7, small_products=1, least_sum=1, step=step)
    kernels = split_for_parallelism(whole, grain)
    assert parts_of(kernels) == {parts}
    (part,) = (a.part for a in kernels[0].axes if a.part)
    assert dim.divisor(part.block) == block
    same(whole, kernels, {"batch": 150} if length is B else {})


def same(whole: Kernel, kernels, sizes=None) -> None:
    """The parts compute what the whole does."""
    sizes = sizes or {}
    start = arrays_of([whole, *kernels], sizes)
    want, got = (run_oracle(list(k), start, sizes)["y"] for k in ([whole], kernels))
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_what_is_prepared_for_a_cpu_is_not_what_is_prepared_for_a_gpu():
    whole = summed("c", n=100_000, c=64)
    cpu, gpu, again = prepared(whole), prepared(whole, grain=GRAIN), prepared(whole)
    assert [parts_of(x.kernels) for x in (cpu, gpu, again)] == [{16}, {264}, {16}]
    assert again.kernels is cpu.kernels
    assert {b.name for k in gpu.kernels for b in buffers_of(k)} >= set(gpu.names)
