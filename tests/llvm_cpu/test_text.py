from __future__ import annotations

import itertools
import math

import ml_dtypes
import numpy as np
import pytest

from graphc import dtypes
from graphc.backends.llvm_cpu.host import NAMED, host
from graphc.backends.llvm_cpu.ir import access
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import (
    I64,
    constant,
    iota,
    literal,
    literal_lanes,
    memory_type,
    prefix_mask,
    vector,
)

from .native import native

LANES = (1, 2, 4, 8, 16)
ODD_FLOATS = [0.0, -0.0, 1e-45, -1e-40, 1.0, 0.1, 3.4e38, math.inf, -math.inf, math.nan, 65504.0]


def put(f, pointer, value, index=0):
    f.store(I64, value, f.gep(I64, pointer, index))


# ---------------------------------------------------------------------------- integers

NUMBERS = (-7, -1, 0, 1, 5, 8, 9)
# fmt: off
ARITHMETIC = {
    "add":      (lambda a, b: a + b,    NUMBERS,         NUMBERS),
    "sub":      (lambda a, b: a - b,    NUMBERS,         NUMBERS),
    "mul":      (lambda a, b: a * b,    NUMBERS,         NUMBERS),
    "min":      (min,                   NUMBERS,         NUMBERS),
    "max":      (max,                   NUMBERS,         NUMBERS),
    "floordiv": (lambda a, b: a // b,   NUMBERS,         (1, 2, 3, 8)),
    "floormod": (lambda a, b: a % b,    NUMBERS,         (1, 2, 3, 8)),
    "div":      (lambda a, b: a // b,   (0, 1, 7, 8, 9), (1, 2, 3, 8)),
    "rem":      (lambda a, b: a % b,    (0, 1, 7, 8, 9), (1, 2, 3, 8)),
    "ceildiv":  (lambda a, b: -(-a // b), (0, 1, 7, 8, 9), (1, 2, 3, 8)),
}
# fmt: on


@pytest.mark.parametrize("name", sorted(ARITHMETIC))
def test_arithmetic_of_known_and_unknown_numbers(name):
    meaning, firsts, seconds = ARITHMETIC[name]
    pairs = list(itertools.product(firsts, seconds))
    given, found = np.array(pairs, np.int64), np.zeros((len(pairs), 4), np.int64)

    def write(f, source, target):
        operation = getattr(f, name)
        for row, (a, b) in enumerate(pairs):
            x, y = (f.load(I64, f.gep(I64, source, 2 * row + i)) for i in (0, 1))
            for column, value in enumerate(
                (operation(a, b), operation(x, b), operation(a, y), operation(x, y))
            ):
                put(f, target, value, 4 * row + column)

    native(write, 2)(given, found)
    expected = np.array([[meaning(a, b)] * 4 for a, b in pairs])
    np.testing.assert_array_equal(found, expected)


def test_known_numbers_write_nothing():
    f = Function(Module(host()), "f", [(I64, "n")])
    empty = f.text()
    assert f.add(f.mul(3, 4), 5) == 17
    assert (f.add("%n", 0), f.mul("%n", 1), f.mul("%n", 0), f.gep(I64, "%n", 0)) == (
        "%n", "%n", 0, "%n",
    )  # fmt: skip
    assert f.compare("lt", 3, 4) is True
    assert f.both(True, "%c") == "%c"
    assert f.loop(3, 3, 1, lambda i, c: [f.emit("never")], [(I64, 7)]) == ["7"]
    assert f.text() == empty


# ---------------------------------------------------------------------------- control


@pytest.mark.parametrize("bounds", [(0, 0), (0, 1), (5, 3), (2, 9), (0, 10)])
@pytest.mark.parametrize("step", [1, 3, 10])
@pytest.mark.parametrize("known", [(True, True), (False, True), (True, False), (False, False)])
def test_loops_carry_values(bounds, step, known):
    def write(f, target, low, high):
        a, b = (value if k else name for value, k, name in zip(bounds, known, (low, high)))
        total, turns = f.loop(
            a, b, step, lambda i, c: [f.add(c[0], i), f.add(c[1], 1)], [(I64, 100), (I64, 0)]
        )
        put(f, target, total, 0)
        put(f, target, turns, 1)

    found = np.zeros(2, np.int64)
    native(write, 1, 2)(found, *bounds)
    assert found.tolist() == [100 + sum(range(*bounds, step)), len(range(*bounds, step))]


def test_loops_nest():
    def write(f, target, n):
        def row(i, outer):
            return f.loop(0, i, 1, lambda j, c: [f.add(c[0], f.mul(i, j))], [(I64, outer[0])])

        put(f, target, f.loop(0, n, 1, row, [(I64, 0)])[0])

    found = np.zeros(1, np.int64)
    native(write, 1, 1)(found, 6)
    assert found[0] == sum(i * j for i in range(6) for j in range(i))


@pytest.mark.parametrize("n", [3, 8])
def test_branches(n):
    def write(f, target, number):
        big = f.compare("gt", number, 5)
        picked = f.if_else(big, lambda: [f.mul(number, 2)], lambda: [f.sub(0, number)], [I64])
        put(f, target, picked[0], 0)
        f.if_(big, lambda: put(f, target, 1, 1))
        put(f, target, f.select(big, I64, 10, 20), 2)
        f.if_(False, lambda: put(f, target, 1, 3))
        put(f, target, f.if_else(True, lambda: [4], lambda: [5], [I64])[0], 4)

    found = np.zeros(5, np.int64)
    native(write, 1, 1)(found, n)
    assert found.tolist() == ([16, 1, 10, 0, 4] if n == 8 else [-3, 0, 20, 0, 4])


def test_memory_of_a_call_is_reserved_once():
    def write(f, target, n):
        def one(i, _):
            scratch = f.alloca(I64, 1000)
            put(f, scratch, i)
            put(f, target, f.load(I64, scratch))

        f.loop(0, n, 1, one)

    found = np.zeros(1, np.int64)
    native(write, 1, 1)(found, 100_000)
    assert found[0] == 99_999


# ---------------------------------------------------------------------------- elements


def samples(dtype, count):
    generator = np.random.default_rng(count)
    if dtype is dtypes.bool_:
        return generator.integers(0, 2, count).astype(bool)
    return generator.integers(0, 256, count * dtype.itemsize, np.uint8).view(dtype.numpy)


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_elements_move_by_masks_and_addresses(dtype, lanes):
    """Plain, masked and gathered reads and writes; what a mask leaves out stays."""
    element, some = memory_type(dtype), (lanes + 1) // 2
    mask, everything = prefix_mask(lanes, some), prefix_mask(lanes, lanes)
    fill = constant(dtype, 1, lanes)

    def write(f, source, target):
        def at(pointer, part):
            return f.gep(element, pointer, part * lanes)

        def spread(pointer, part):
            backwards = literal_lanes(I64, range(lanes - 1, -1, -1))
            return f.lane_pointers(element, at(pointer, part), vector(I64, lanes), backwards)

        access.write(f, dtype, lanes, access.read(f, dtype, lanes, source), target)
        half = access.read(f, dtype, lanes, at(source, 1), mask, fill)
        access.write(f, dtype, lanes, half, at(target, 1))
        access.write(f, dtype, lanes, half, at(target, 2), mask)
        turned = access.read_lanes(f, dtype, lanes, spread(source, 3), everything)
        access.write(f, dtype, lanes, turned, at(target, 3))
        access.write_lanes(f, dtype, lanes, turned, spread(target, 4), mask)
        access.write(f, dtype, 0, access.read(f, dtype, 0, at(source, 5)), at(target, 5))

    source, target = samples(dtype, 6 * lanes), np.zeros(6 * lanes, dtype.numpy)
    native(write, 2)(source, target)
    parts, zero = source.reshape(6, lanes), np.zeros(lanes, dtype.numpy)
    expected = np.stack([zero] * 6)
    expected[0] = parts[0]
    expected[1] = 1
    expected[1, :some] = expected[2, :some] = parts[1, :some]
    expected[3] = parts[3, ::-1]
    expected[4, lanes - some :] = parts[3, lanes - some :]
    expected[5, 0] = parts[5, 0]
    found = target.reshape(6, lanes)
    if dtype.is_float:
        found, expected = found.astype(np.float64), expected.astype(np.float64)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [dtypes.float16, dtypes.bfloat16], ids=str)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_short_floats_round_to_nearest_even(dtype):
    generator = np.random.default_rng(1)
    wide = generator.integers(0, 2**32, 1 << 16, dtype=np.uint64).astype(np.uint32)
    halves = np.arange(1 << 16, dtype=np.uint32) << 16 | 0x8000
    x = np.concatenate([wide, halves]).view(np.float32)
    x = np.concatenate([x, np.array(ODD_FLOATS, np.float32), np.zeros(5, np.float32)])

    def write(f, source, target):
        def one(i, _):
            value = f.load(vector("float", 16), f.gep("float", source, i))
            access.write(f, dtype, 16, value, f.gep(memory_type(dtype), target, i))

        f.loop(0, len(x), 16, one)

    found = np.zeros(len(x), dtype.numpy)
    native(write, 2)(x, found)
    np.testing.assert_array_equal(found.astype(np.float32), x.astype(dtype.numpy).astype("f4"))
    signs = np.signbit(found.astype(np.float32)) == np.signbit(x)
    assert signs[~np.isnan(x)].all()


@pytest.mark.parametrize("type_", ["half", "float", "double"])
def test_literals_are_exact(type_):
    numpy_type = {"half": np.float16, "float": np.float32, "double": np.float64}[type_]
    with np.errstate(over="ignore"):
        expected = np.array([v for v in ODD_FLOATS if type_ != "half" or abs(v) != 3.4e38])
        expected = expected.astype(numpy_type)

    def write(f, target):
        for i, value in enumerate(expected.tolist()):
            f.store(type_, literal(type_, value), f.gep(type_, target, i))

    found = np.zeros(len(expected), numpy_type)
    native(write, 1)(found)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("dtype", "value", "text"),
    [
        (dtypes.bool_, True, "true"),
        (dtypes.uint8, 255, "-1"),
        (dtypes.int64, -(2**63), str(-(2**63))),
        (dtypes.uint64, 2**64 - 1, "-1"),
        (dtypes.bfloat16, 0.1, literal("float", float(ml_dtypes.bfloat16(0.1)))),
        (dtypes.float16, 0.1, literal("float", float(np.float16(0.1)))),
    ],
)
def test_constants_are_rounded_to_their_dtype(dtype, value, text):
    assert constant(dtype, value) == text
    element = constant(dtype, value, 4).removeprefix("splat (").removesuffix(")")
    assert element.split()[1] == text


# ---------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("lanes", LANES)
def test_vectors(lanes):
    type_ = vector(I64, lanes)

    def write(f, target, n):
        counting = f.binary("add", type_, iota(I64, lanes), f.splat(type_, n))
        total = f.across(type_, counting, lambda a, b: f.binary("add", type_, a, b))
        turned = f.shuffle(type_, counting, counting, range(2 * lanes - 1, lanes - 1, -1))
        changed = f.insert(type_, turned, f.lane(type_, counting, 0), lanes - 1)
        odd = f.relate(
            "ne", type_, f.binary("and", type_, counting, literal(type_, 1)), literal(type_, 0)
        )
        for row, value in enumerate((total, changed, f.blend(odd, type_, counting, total))):
            f.store(type_, value, f.gep(I64, target, row * lanes))

    found = np.zeros((3, lanes), np.int64)
    native(write, 1, 1)(found, 10)
    counting = np.arange(10, 10 + lanes)
    total = np.full(lanes, counting.sum())
    changed = counting[::-1].copy()
    changed[-1] = 10
    np.testing.assert_array_equal(found, [total, changed, np.where(counting % 2, counting, total)])


def test_streaming_stores():
    def write(f, source, target):
        f.store("<16 x float>", f.load("<16 x float>", source), target, align=64, streaming=True)

    room = np.zeros(64, np.float32)
    start = -room.ctypes.data % 64 // 4
    target, source = room[start : start + 16], np.arange(16, dtype=np.float32)
    native(write, 2)(source, target)
    np.testing.assert_array_equal(target, source)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_the_text_follows_the_target(name):
    target = NAMED[name]
    module = Module(target)
    f = Function(module, "f", [("ptr", "p")], linkage="internal", attributes="noinline")
    type_ = vector("float", target.lanes)
    value = f.load(type_, "%p")
    f.store(type_, f.fma(type_, value, value, value), "%p")
    f.fma(type_, value, value, value)
    f.give_back()
    text = module.text()
    assert text.count("declare") == 1
    assert target.triple in text
    assert f'"target-cpu"="{target.cpu}"' in text
    assert "define internal void @f(ptr %p) noinline #0 {" in text


def test_tables():
    def write(f, target, n):
        table = f.module.table("squares", I64, [i * i for i in range(10)])
        assert f.module.table("squares", I64, [i * i for i in range(10)]) == table
        put(f, target, f.load(I64, f.gep(I64, table, n)))

    found = np.zeros(1, np.int64)
    native(write, 1, 1)(found, 7)
    assert found[0] == 49
