"""The memory that the threads of a pool share; what they do with it is in `pool_ir.py`."""

from __future__ import annotations

import platform
import sys

# fmt: off
# Byte offsets in the pool's memory. What different threads write lies in different cache lines.
STATE         = 0      # i64: epoch << 32 | chunks left
EPOCH         = 4      # i32: the upper half of it (little endian), what sleeping workers watch
DONE          = 64     # i32: chunks finished
SLEEPERS      = 128    # i32: workers asleep in the kernel
FUNCTION      = 192    # void (ptr argument, i32 chunk, i32 count)
ARGUMENT      = 200    # ptr
COUNT         = 208    # i32
STOP          = 256    # i32: 1 asks workers to leave
CALLER_SLEEPS = 260    # i32: 1 while the caller sleeps on DONE
SPIN          = 264    # i32: turns of a waiting loop before a thread rests
WORKERS       = 268    # i32
ACTIVE        = 320    # i32: native calls under way (portable workers stay while there are any)
BUSY          = 384    # i32: 1 while a caller owns the pool
SIZE          = 448

FUTEX = {"x86_64": 202, "aarch64": 98}   # the number of the system call
WAIT, WAKE = 128, 129                    # FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE
# fmt: on

NAMES = ("graphc_worker", "graphc_parallel", "graphc_stop")
"""The functions of the pool."""


def has_futex() -> bool:
    """Whether threads can sleep and be woken without Python."""
    return sys.platform == "linux" and platform.machine() in FUTEX
