"""How much parallel work a GPU wants of a kernel: by shape only, so that all GPUs compute the same.

About two programs for each multiprocessor of a large GPU (132 of an H200), in parts as even as can
be; a launch that adds up partial results costs some microseconds.
"""

from __future__ import annotations

from graphc.kernels.parallel import Grain

GRAIN = Grain(
    parts=264,
    small_work=1 << 16,  # what a program reads in some microseconds
    small_products=1 << 22,
    lanes=64,
    tile=128 * 64,
    window=128 * 64,
    least_sum=512,
    long_sum=None,
    most_partials=0,
    step=64,  # blocks of a sum are whole, but for the last
    is_even=True,
)
