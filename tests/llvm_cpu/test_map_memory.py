"""How maps move large arrays: stores past the caches, rows that are asked for ahead."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backends.llvm_cpu.host import chosen
from graphc.backends.llvm_cpu.nest import stream
from graphc.dtypes import float32
from graphc.ir.dim import evaluate, named
from graphc.kernels import build
from graphc.kernels.kernel import Axis, Buffer, Kernel
from graphc.kernels.levels import apart_from_smaller

from .map_cases import gelu_affine, softmax
from .map_runner import Compiled, arrays_for, check, narrower

N = named("n")
LINE = 64


def beginning_at(bytes_after_a_line: int, like: np.ndarray) -> np.ndarray:
    """Memory for an array so far behind a cache line."""
    raw = np.zeros(like.nbytes + 2 * LINE, np.uint8)
    start = -raw.ctypes.data % LINE + bytes_after_a_line
    return raw[start : start + like.nbytes].view(like.dtype).reshape(like.shape)


@pytest.mark.parametrize("columns", [1024, 1000, 1001], ids=["lines", "halves", "odd"])
def test_large_results_have_the_same_bits_past_the_caches(columns, monkeypatch):
    plain = Compiled(softmax(N, columns))
    monkeypatch.setattr(stream, "STREAMED_BYTES", 1 << 12)
    streaming = Compiled(softmax(N, columns))
    assert "!nontemporal" in streaming.text
    for rows in (0, 1, 7):
        arrays = arrays_for(plain.kernel, {"n": rows}, {})
        for offset in (0, 4, 32):
            found = [{**arrays, "y": beginning_at(offset, arrays["y"])} for _ in range(2)]
            plain.run(found[0], {"n": rows})
            streaming.run(found[1], {"n": rows}, 3)
            assert found[0]["y"].tobytes() == found[1]["y"].tobytes()


def test_small_results_are_never_asked_about():
    assert "!nontemporal" not in Compiled(softmax(N, 10)).text
    assert "!nontemporal" not in Compiled(softmax(100, 1024)).text


@pytest.mark.parametrize(("columns", "asked"), [(256, {16: 4, 8: 1}), (100, {16: 7, 8: 2})])
def test_the_next_row_is_asked_for_in_the_second_pass(columns, asked):
    if chosen().lanes not in asked:
        pytest.skip("counted for vectors of 16 and of 8 lanes")
    compiled = Compiled(softmax(N, columns))
    calls = [x for x in compiled.text.splitlines() if "call void @llvm.prefetch" in x]
    wanted = asked[chosen().lanes]
    assert len(calls) == wanted, "once per cache line of the loop, and of what is left of a row"
    check(compiled.kernel, {"n": 5}, compiled=compiled)


def test_rows_of_one_pass_are_left_to_the_machine():
    assert "llvm.prefetch" not in Compiled(gelu_affine(N, 256)).text


@pytest.mark.parametrize("kind", ["max", "min"])
@pytest.mark.parametrize("lanes", [16, 8, 4])
def test_no_extreme_of_a_row_loses_a_nan(kind, lanes):
    columns = 70
    axes = Axis("i", N), Axis("j", columns)
    x, y = Buffer("x", float32, (N, columns)), Buffer("y", float32, (N,))
    value = build.reduce(kind, build.load(x, "i", "j"), ("j",))
    kernel = Kernel("extreme", axes, (build.store(y, "i", value),))
    rows = np.random.default_rng(0).standard_normal((columns, columns)).astype(np.float32)
    np.fill_diagonal(rows, np.nan)
    got = np.zeros(columns, np.float32)
    Compiled(kernel, narrower(lanes) if lanes < 16 else None).run(
        {"x": rows, "y": got}, {"n": columns}
    )
    assert np.isnan(got).all()


def gradient_and_average(columns: int, average: str = "average") -> Kernel:
    """dx = dy * scale + mean of every channel; the average moves towards the mean."""
    axes = Axis("i", N), Axis("j", columns)
    mean, scale, old = (
        build.load(Buffer(n, float32, (columns,)), "j") for n in ("mean", "scale", average)
    )
    dy = build.load(Buffer("dy", float32, (N, columns)), "i", "j")
    dx = build.op("fma", dy, scale, mean)
    moved = build.op("add", build.op("mul", old, 0.9), mean)
    stores = (
        build.store(Buffer("average", float32, (columns,)), "j", moved),
        build.store(Buffer("dx", float32, (N, columns)), ("i", "j"), dx),
    )
    return Kernel("gradient_and_average", axes, stores)


@pytest.mark.parametrize(("average", "pieces"), [("average", 2), ("scale", 1)])
def test_results_of_few_elements_do_not_bind_the_loops_of_many(average, pieces):
    # Where the average could lie in the memory of the scale, it has to wait.
    kernel = gradient_and_average(40, average)
    assert len(apart_from_smaller(kernel)) == pieces
    check(kernel, {"n": 30})


def test_rows_are_items_beside_results_of_few_elements():
    phases = Compiled(gradient_and_average(256)).emitted.phases
    items = [evaluate(p.items, {"n": 20_000}) for p in phases]
    assert sum(items) > 64
