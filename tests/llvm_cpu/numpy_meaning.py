"""What each scalar operation means, in NumPy: the oracle of the kernel tests."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
from scipy import special


def floor_divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Integers by zero give 0; the least integer by -1 wraps."""
    if a.dtype.kind == "f":
        return np.floor_divide(a, b)
    wide, by = a.astype(object), np.where(b == 0, 1, b).astype(object)
    return np.where(b == 0, 0, _wrapped(wide // by, a.dtype)).astype(a.dtype)


def remainder(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f":
        return np.remainder(a, b)
    safe = np.where(b == 0, 1, b).astype(object)
    return np.where(b == 0, 0, (a.astype(object) % safe).astype(a.dtype)).astype(a.dtype)


def power(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f":
        return np.power(a, b)
    return np.frompyfunc(_integer_power(a.dtype), 2, 1)(a, b).astype(a.dtype)


def _integer_power(dtype: np.dtype) -> Callable[[int, int], int]:
    def power_of(a: int, b: int) -> int:
        a, b = int(a), int(b)
        if b < 0:
            return {1: 1, -1: -1 if b % 2 else 1}.get(a, 0)
        return int(_wrapped(np.array([pow(a, b, 1 << 64)], object), dtype)[0])

    return power_of


def _wrapped(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    bits = 8 * dtype.itemsize
    unsigned = (values.astype(object) % (1 << bits)).astype(np.uint64)
    return unsigned.astype(f"u{dtype.itemsize}").view(dtype)


def shift(left: bool) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def shifted(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        bits = 8 * a.dtype.itemsize
        inside = (b >= 0) & (b < bits)
        amount = np.where(inside, b, 0).astype(a.dtype)
        moved = np.left_shift(a, amount) if left else np.right_shift(a, amount)
        far = np.where((a < 0) & (not left), -1, 0).astype(a.dtype)
        return np.where(inside, moved, far)

    return shifted


def random_bits(
    key0: np.ndarray, key1: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Threefry-2x32, 20 rounds."""
    keys = [key0, key1, key0 ^ key1 ^ np.uint32(0x1BD11BDA)]
    x, y = low + key0, high + key1
    for block in range(5):
        for turn in ((13, 15, 26, 6), (17, 29, 16, 24))[block % 2]:
            x = x + y
            y = ((y << np.uint32(turn)) | (y >> np.uint32(32 - turn))) ^ x
        x = x + keys[(block + 1) % 3]
        y = y + keys[(block + 2) % 3] + np.uint32(block + 1)
    return x


def fma(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    if a.dtype.kind != "f":
        return a * b + c
    wide = np.float64 if a.dtype == np.float32 else np.longdouble
    return (a.astype(wide) * b + c).astype(a.dtype)


def sign(a: np.ndarray) -> np.ndarray:
    return a if a.dtype.kind == "b" else np.sign(a)


def same_if_whole(f: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda a: f(a) if a.dtype.kind == "f" else a


# fmt: off
MEANING: dict[str, Callable[..., np.ndarray]] = {
    "neg": np.negative, "abs": np.abs, "sign": sign, "sqrt": np.sqrt,
    "floor": same_if_whole(np.floor), "ceil": same_if_whole(np.ceil),
    "round": same_if_whole(np.rint), "trunc": same_if_whole(np.trunc),
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "rsqrt": lambda a: 1 / np.sqrt(a), "sigmoid": special.expit, "erf": special.erf,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "atan2": np.arctan2,
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite,
    "logical_not": np.logical_not, "bitwise_not": np.bitwise_not,
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
    "floor_divide": floor_divide, "remainder": remainder, "pow": power,
    "maximum": np.maximum, "minimum": np.minimum,
    "equal": np.equal, "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
    "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "shift_left": shift(left=True), "shift_right": shift(left=False),
    "where": np.where, "fma": fma, "random_bits": random_bits,
    "round_bfloat16": lambda a: a.astype(ml_dtypes.bfloat16).astype(np.float32),
    "round_float16": lambda a: a.astype(np.float16).astype(np.float32),
}
# fmt: on
