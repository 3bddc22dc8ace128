"""Threefry-2x32 with 20 rounds, vectorised over uint32 arrays.

Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from graphc.ir.node import Op
from graphc.ops import random

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = np.uint32(0x1BD11BDA)


def threefry(
    key0: np.ndarray, key1: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Two random words from a key of two words and a counter of two words, all uint32."""
    keys = [np.asarray(k, np.uint32) for k in (key0, key1)]
    keys.append(keys[0] ^ keys[1] ^ _PARITY)
    with np.errstate(over="ignore"):
        x0 = np.asarray(low, np.uint32) + keys[0]
        x1 = np.asarray(high, np.uint32) + keys[1]
        for turn in range(20):
            bits = np.uint32(_ROTATIONS[turn % 8])
            x0 = x0 + x1
            x1 = (x1 << bits | x1 >> (np.uint32(32) - bits)) ^ x0
            if turn % 4 == 3:
                step = turn // 4 + 1
                x0 = x0 + keys[step % 3]
                x1 = x1 + keys[(step + 1) % 3] + np.uint32(step)
    return x0, x1


def _random_bits(key: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    counter = np.arange(math.prod(shape), dtype=np.uint64)
    low, high = counter.astype(np.uint32), (counter >> np.uint64(32)).astype(np.uint32)
    return threefry(key[0], key[1], low, high)[0].reshape(shape)


EVALUATE: dict[Op, Callable[..., np.ndarray]] = {random.random_bits_op: _random_bits}
