"""Every scalar operation on every dtype, on numbers that are hard, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.backends.llvm_cpu.host import host
from graphc.dtypes import DType
from graphc.ir.dim import named
from graphc.kernels import build
from graphc.kernels.build import load, op, store
from graphc.kernels.evaluate import evaluate
from graphc.kernels.kernel import Axis, Buffer, Kernel

from .map_runner import Compiled, arrays_for, check, narrower
from .numpy_meaning import MEANING

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

N = named("n")
REAL = ("float32", "float64")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
WHOLE = SIGNED + UNSIGNED
STORED = ("float16", "bfloat16")

# fmt: off
#  ops                                                        dtypes                      arguments
TABLE = (
    (("neg",),                                                REAL + WHOLE,                 1),
    (("abs", "sign", "floor", "ceil", "round", "trunc"),      (*REAL, *WHOLE, "bool"),      1),
    (("isnan", "isinf", "isfinite"),                          (*REAL, "int32", "bool"),     1),
    (("logical_not",),                                        (*REAL, *WHOLE, "bool"),      1),
    (("bitwise_not",),                                        (*WHOLE, "bool"),             1),
    (("exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "asin", "acos", "atan",
      "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "sigmoid"),  REAL,          1),
    (("add", "mul", "maximum", "minimum"),                    (*REAL, *WHOLE, "bool"),      2),
    (("sub", "floor_divide", "remainder"),                    REAL + WHOLE,                 2),
    (("div", "atan2"),                                        REAL,                         2),
    (("pow",),                                                REAL + WHOLE,                 2),
    (("equal", "not_equal", "less", "less_equal"),            (*REAL, *WHOLE, "bool"),      2),
    (("logical_and", "logical_or", "logical_xor"),            (*REAL, *WHOLE, "bool"),      2),
    (("bitwise_and", "bitwise_or", "bitwise_xor"),            (*WHOLE, "bool"),             2),
    (("shift_left", "shift_right"),                           WHOLE,                        2),
    (("fma",),                                                REAL + WHOLE,                 3),
    (("round_bfloat16", "round_float16"),                     ("float32",),                 1),
)
# fmt: on
CASES = [(names, dtype, count) for names, dtypes_, count in TABLE for dtype in dtypes_]


def hard_numbers(dtype: DType) -> np.ndarray:
    """Numbers at which operations go wrong."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.is_float:
        tiny, large = (1e-40, 3e38) if dtype.bits == 32 else (1e-310, 1e308)
        some = [0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, 7.25, -7.25, 0.1, -1e-3, 20, -20]
        some += [np.inf, -np.inf, np.nan, tiny, -tiny, large, -large, 100.5, 65504, 1e9]
        return np.array(some, dtype.numpy)
    limits = np.iinfo(dtype.numpy)
    some = [limits.min, limits.max, limits.max - 1, limits.max // 2]
    some += [0, 1, 2, 3, 5, 7, 8, 13, 31, 32, 63, 64, 65, 100]
    some += [-1, -2, -3, -7, limits.min + 1] if dtype.kind == "i" else []
    return np.array(some, dtype.numpy)


def pairs(values: np.ndarray, count: int, skip: int = 0) -> list[np.ndarray]:
    """All pairs of numbers; the third argument repeats them in another order."""
    if count == 1:
        return [values]
    a, b = (x.ravel() for x in np.meshgrid(values, values, indexing="ij"))
    return [a, b, np.roll(a, 17)][:count]


def elementwise(names: tuple[str, ...], dtype: DType, count: int) -> Kernel:
    """One store per operation."""
    args = [load(Buffer(f"x{i}", dtype, (N,)), "i") for i in range(count)]
    stores = []
    for name in names:
        value = op(name, *args)
        stores.append(store(Buffer(f"y_{name}", value.dtype, (N,)), "i", value))
    return Kernel("elementwise", (Axis("i", N),), tuple(stores))


@pytest.mark.parametrize(("names", "dtype", "count"), CASES, ids=lambda x: str(x)[:30])
def test_operation_has_numpy_meaning(names: tuple[str, ...], dtype: str, count: int) -> None:
    of = dtypes.as_dtype(dtype)
    inputs = {f"x{i}": x for i, x in enumerate(pairs(hard_numbers(of), count))}
    kernel = elementwise(names, of, count)
    size = {"n": len(inputs["x0"])}
    got, want = arrays_for(kernel, size, inputs), arrays_for(kernel, size, inputs)
    Compiled(kernel).run(got, size)
    evaluate(kernel, want, size, MEANING)
    for name in names:
        assert_near(got[f"y_{name}"], want[f"y_{name}"], name)


def assert_near(got: np.ndarray, want: np.ndarray, name: str) -> None:
    """Equal, but for a few units in the last place of elementary functions."""
    if want.dtype.kind != "f" or name not in ROUGH:
        np.testing.assert_array_equal(got, want, err_msg=name)
        return
    relative, least = (4e-7, 1e-44) if want.dtype == np.float32 else (1e-14, 0)
    np.testing.assert_allclose(got, want, rtol=relative, atol=least, err_msg=name)


ROUGH = frozenset(TABLE[5][0]) | {"atan2", "pow", "fma"}


@pytest.mark.parametrize("old", [d.name for d in dtypes.ALL])
def test_cast_to_every_dtype(old: str) -> None:
    """Floats are cut and saturated, NaN is 0; integers wrap."""
    buffer = Buffer("x", dtypes.as_dtype(old), (N,))
    values = hard_numbers(buffer.dtype)
    new = [d for d in dtypes.ALL if d not in (dtypes.float16, dtypes.bfloat16)]
    made = {d: op("cast", load(buffer, "i"), dtype=d) for d in new}
    stores = tuple(store(Buffer(f"y_{d}", d, (N,)), "i", e) for d, e in made.items())
    kernel = Kernel("casts", (Axis("i", N),), stores)
    size = {"n": len(values)}
    arrays = arrays_for(kernel, size, {"x": values})
    Compiled(kernel).run(arrays, size)
    held = arrays["x"].astype(build.compute_dtype(buffer.dtype).numpy)
    for d in new:
        np.testing.assert_array_equal(arrays[f"y_{d}"], cast(held, d.numpy), err_msg=d.name)


def cast(values: np.ndarray, new: np.dtype) -> np.ndarray:
    """astype, but saturating from floats to integers."""
    if values.dtype.kind != "f" or new.kind not in "iu":
        return values.astype(new)
    limits = np.iinfo(new)
    whole = [0 if x != x else x for x in values.tolist()]
    kept = [min(max(x, limits.min), limits.max) for x in whole]
    return np.array([int(x) for x in kept], new)


MACHINES = {lanes: narrower(lanes) if lanes else host() for lanes in (0, 4)}


@pytest.mark.skipif(not host().is_x86, reason="the features named here are those of x86")
@pytest.mark.parametrize("lanes", MACHINES)
@pytest.mark.parametrize("dtype", STORED)
def test_short_floats_round_to_nearest_even(dtype: str, lanes: int) -> None:
    """Also where the machine has no instructions for them; and back without loss."""
    of = dtypes.as_dtype(dtype)
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2**32, 4096, np.uint32)
    values = np.concatenate([bits.view(np.float32), hard_numbers(dtypes.float32)])
    x = load(Buffer("x", dtypes.float32, (N,)), "i")
    back = load(Buffer("z", of, (N,)), "i")
    stores = store(Buffer("y", of, (N,)), "i", x), store(Buffer("w", x.dtype, (N,)), "i", back)
    kernel = Kernel("narrow", (Axis("i", N),), stores)
    size = {"n": len(values)}
    arrays = arrays_for(kernel, size, {"x": values, "z": values.astype(of.numpy)})
    Compiled(kernel, MACHINES[lanes]).run(arrays, size)
    want = values.astype(of.numpy).astype(np.float32)
    np.testing.assert_array_equal(arrays["y"].astype(np.float32), want)
    np.testing.assert_array_equal(arrays["w"], want)


def test_random_bits_are_threefry() -> None:
    """Known answers of the Random123 library for threefry2x32 with 20 rounds."""
    # fmt: off
    known = np.array([
        # key0        key1        low         high        first word
        (0,           0,          0,          0,          0x6B200159),
        (0xFFFFFFFF,  0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0x1CB996FC),
        (0x13198A2E,  0x03707344, 0x243F6A88, 0x85A308D3, 0xC4923A9C),
    ], np.uint32)
    # fmt: on
    words = [load(Buffer(n, dtypes.uint32, (3,)), "i") for n in ("k0", "k1", "low", "high")]
    bits = op("random_bits", *words, dtype=dtypes.uint32)
    kernel = Kernel("bits", (Axis("i", 3),), (store(Buffer("y", bits.dtype, (3,)), "i", bits),))
    inputs = {n: known[:, i] for i, n in enumerate(("k0", "k1", "low", "high"))}
    got = check(kernel, {}, inputs, chunks=(1,))
    np.testing.assert_array_equal(got["y"], known[:, 4])


def test_where_takes_any_condition() -> None:
    x, y = (load(Buffer(n, dtypes.float32, (N,)), "i") for n in "xy")
    count = load(Buffer("k", dtypes.int32, (N,)), "i")
    chosen = op("where", op("less", x, y), op("where", count, x, 2.0), y)
    kernel = Kernel("pick", (Axis("i", N),), (store(Buffer("z", x.dtype, (N,)), "i", chosen),))
    check(kernel, {"n": 101})
