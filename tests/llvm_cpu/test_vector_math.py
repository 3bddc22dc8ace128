from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from graphc.backends.llvm_cpu.host import NAMED, host
from graphc.backends.llvm_cpu.ir import libm, vector_math
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import vector
from graphc.backends.llvm_cpu.objects import jit

from .native import native

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

# fmt: off
#              meaning in float64              where most samples lie
MEANINGS = {
    "exp":     (np.exp,                        (-110.0, 95.0)),
    "expm1":   (np.expm1,                      (-25.0, 95.0)),
    "log":     (np.log,                        (0.3, 3.0)),
    "log1p":   (np.log1p,                      (-1.0, 3.0)),
    "sigmoid": (special.expit,                 (-110.0, 20.0)),
    "tanh":    (np.tanh,                       (-10.0, 10.0)),
    "erf":     (special.erf,                   (-4.5, 4.5)),
    "sin":     (np.sin,                        (-140000.0, 140000.0)),
    "cos":     (np.cos,                        (-140000.0, 140000.0)),
    "sqrt":    (np.sqrt,                       (0.0, 10.0)),
    "rsqrt":   (lambda x: 1 / np.sqrt(x),      (0.0, 10.0)),
}
RARE = {
    "exp2": np.exp2, "log2": np.log2, "log10": np.log10, "cbrt": np.cbrt, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "erfc": special.erfc,
    "pow": np.power, "atan2": np.arctan2, "fmod": np.fmod,
    "hypot": np.hypot,
}
# fmt: on
SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-45, -1e-45, 1e-40, 1.0, -1.0]
SPECIAL += [1e30, -1e30, 3.4e38, -3.4e38, 2.0**-126, 88.722839, -103.97208, 131072.0]
SPECIAL += [131072.02, -1.0000001, -0.99999994, 0.625, 0.921875, 16777216.0]


def mapped(name, lanes, element="float", count=1):
    """name(x) of `count` arrays, `lanes` elements at a time."""
    step, type_ = max(1, lanes), vector(element, lanes)

    def write(f, *arguments):
        *sources, target, n = arguments

        def one(i, _):
            values = [f.load(type_, f.gep(element, p, i)) for p in sources]
            result = vector_math.function(f, name, type_, *values)
            f.store(type_, result, f.gep(element, target, i))

        f.loop(0, n, step, one)

    run = native(write, count + 1, 1)

    def call(*inputs):
        room = -len(inputs[0]) % step
        padded = [np.pad(x, (0, room)) for x in inputs]
        target = np.empty_like(padded[0])
        run(*padded, target, len(target))
        return target[: len(inputs[0])]

    return call


def samples(name):
    """A million: most where the function bends, the others over all bit patterns."""
    generator = np.random.default_rng(7)
    low, high = MEANINGS[name][1]
    dense = generator.uniform(low, high, 700_000).astype(np.float32)
    bits = generator.integers(0, 2**32, 300_000, dtype=np.uint64).astype(np.uint32)
    quarters = (np.arange(-83_443, 83_444) * (np.pi / 2)).astype(np.float32)
    return np.concatenate([dense, bits.view(np.float32), quarters, np.float32(SPECIAL)])


def ulps(found, exact):
    """|found - exact| in units of the last place of the exact value; 0 where both are not finite
    and equal, infinite where only one is."""
    rounded = exact.astype(found.dtype)
    info = np.finfo(found.dtype)
    exponent = np.floor(np.log2(np.maximum(np.abs(exact), info.tiny)))
    distance = np.abs(found.astype(np.float64) - exact) / np.exp2(exponent - info.nmant)
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    finite = np.isfinite(found) & np.isfinite(rounded)
    return np.where(finite, distance, np.where(same, 0.0, np.inf))


def test_the_tables_are_complete():
    assert set(MEANINGS) == set(vector_math.FUNCTIONS)
    assert set(RARE) | set(MEANINGS) >= set(libm.FUNCTIONS)
    assert all(row.ulp <= 2 for row in vector_math.FUNCTIONS.values())


@pytest.mark.parametrize("name", sorted(MEANINGS))
@pytest.mark.parametrize("lanes", sorted({host().lanes, 4}))
def test_the_stated_error_holds(name, lanes):
    x = samples(name)
    exact = MEANINGS[name][0](x.astype(np.float64))
    found = mapped(name, lanes)(x)
    errors = ulps(found, exact)
    worst = errors.argmax()
    assert errors[worst] <= vector_math.FUNCTIONS[name].ulp, (x[worst], found[worst], exact[worst])


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_every_number_of_lanes_gives_the_same_bits(name):
    x = np.concatenate([samples(name)[::200], np.float32(SPECIAL)])
    expected = mapped(name, 16)(x)
    for lanes in (0, 1, 2, 4, 8):
        found = mapped(name, lanes)(x)
        differ = (found != expected) & ~(np.isnan(found) & np.isnan(expected))
        assert not differ.any(), (lanes, x[differ][:5])


@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh", "erf", "sin", "sqrt"])
def test_zero_keeps_its_sign(name):
    zeros = np.array([0.0, -0.0] * 8, np.float32)
    np.testing.assert_array_equal(np.signbit(mapped(name, 16)(zeros)), np.signbit(zeros))
    found = mapped(name, 8, "double")(zeros.astype(np.float64))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(zeros))


def wide_samples(name):
    """Most where the function bends, the others over all bit patterns and at special places."""
    generator = np.random.default_rng(3)
    low, high = MEANINGS[name][1]
    places = [generator.uniform(low, high, 200_000), generator.uniform(-2, 2, 100_000)]
    if low < -100:
        places.append(generator.uniform(7 * low, 7 * high, 100_000))
    bits = generator.integers(0, 2**64, 100_000, dtype=np.uint64)
    quarters = np.arange(-700_000, 700_000, 7) * (np.pi / 2)
    steps = generator.uniform(-1e-8, 1e-8, 10_000)
    special = [*SPECIAL, 1e300, -1e300, 5e-324, -5e-324, 709.79, -745.2, 2.0**20, 2.0**20 + 1]
    return np.concatenate([*places, bits.view(np.float64), quarters, steps, special])


MEANINGS64 = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "erf": lambda x: np.array(list(map(math.erf, x.astype(np.float64)))),  # within one unit itself
}


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="numbers wider than double")
@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_the_stated_error_of_float64_holds(name):
    x = wide_samples(name)
    meaning = MEANINGS64.get(name, MEANINGS[name][0])
    exact = meaning(x.astype(np.longdouble))
    found = mapped(name, 8, "double")(x)
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float64)
        tiny = np.finfo(np.float64).tiny
        exponent = np.floor(np.log2(np.maximum(np.abs(exact), tiny)))
        distance = np.abs(found - exact) / np.exp2(exponent - 52)
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    finite = np.isfinite(found) & np.isfinite(rounded)
    errors = np.where(finite, distance, np.where(same, 0.0, np.inf))
    bound = vector_math.FUNCTIONS[name].ulp64 + (1.0 if name == "erf" else 0.0)
    worst = errors.argmax()
    assert errors[worst] <= bound, (errors[worst], x[worst], found[worst], exact[worst])


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_every_number_of_lanes_gives_the_same_bits_of_float64(name):
    x = np.concatenate([wide_samples(name)[::500], SPECIAL])
    expected = mapped(name, 8, "double")(x)
    for lanes in (0, 2, 4):
        found = mapped(name, lanes, "double")(x)
        differ = (found != expected) & ~(np.isnan(found) & np.isnan(expected))
        assert not differ.any(), (lanes, x[differ][:5])


@pytest.mark.parametrize("name", sorted(RARE))
@pytest.mark.parametrize("element", ["float", "double"])
def test_rare_functions_are_those_of_the_c_library(name, element):
    generator = np.random.default_rng(5)
    count = 2 if name in libm.BINARY else 1
    inputs = [
        generator.uniform(-3, 3, 2000).astype(element.replace("float", "f4")) for _ in range(count)
    ]
    inputs = [np.concatenate([x, np.array(SPECIAL, x.dtype)]) for x in inputs]
    exact = RARE[name](*(x.astype(np.float64) for x in inputs))
    found = mapped(name, 8, element, count)(*inputs)
    bound = 0.51 if element == "float" else 64
    ordinary = np.isfinite(exact)
    assert (ulps(found, exact)[ordinary] <= bound).all()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(exact))


@pytest.mark.parametrize("target", sorted(NAMED))
def test_every_function_compiles_for_every_target(target):
    machine = NAMED[target]
    module = Module(machine)
    for name in vector_math.FUNCTIONS:
        type_ = vector("float", machine.lanes)
        f = Function(module, f"f_{name}", [("ptr", "p")])
        f.store(type_, vector_math.function(f, name, type_, f.load(type_, "%p")), "%p")
        f.give_back()
    assert jit.objects([jit.unit_of(module.text())], machine)[0]
