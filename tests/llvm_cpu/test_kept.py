"""What depends on variables alone is kept between calls: never old, always the same bits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import graphc as gx
from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.backends.llvm_cpu.run.restored import Restored
from graphc.compiler import Function
from graphc.errors import OutOfRangeError
from graphc.ir.node import Tensor
from graphc.knobs import settings
from graphc.ops.variable import Variable

Make = Callable[[Tensor, Variable], Tensor]
Change = Callable[[Variable, np.ndarray], None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with settings(cache_dir=str(tmp_path)):
        yield tmp_path


# fmt: off
def folded(x: Tensor, w: Variable) -> Tensor:
    return x @ (w * gx.exp(gx.mean(w)))

def packed(x: Tensor, w: Variable) -> Tensor:
    return x @ gx.transpose(w)

def winograd(x: Tensor, w: Variable) -> Tensor:
    return gx.conv2d(x, gx.reshape(w * 2, (3, 3, 32, 32)))

def looped(x: Tensor, w: Variable) -> Tensor:
    return gx.scan(lambda h, _: (gx.tanh(h @ gx.transpose(w)), None), x, length=5)[0]

def chosen(x: Tensor, w: Variable) -> Tensor:
    return gx.cond(gx.sum(x) > 0, lambda: x @ gx.transpose(w), lambda: x)

def sorted_(x: Tensor, w: Variable) -> Tensor:
    return x * gx.sort(w)[0]

FORMS: tuple[Make, ...] = (folded, packed, winograd, looped, chosen, sorted_)


def assigned(w: Variable, value: np.ndarray) -> None:
    w.assign(value)

def added(w: Variable, value: np.ndarray) -> None:
    with gx.eager():
        w.assign_add(value)

def subtracted(w: Variable, value: np.ndarray) -> None:
    with gx.eager():
        w.assign_sub(value)

def other_function(w: Variable, value: np.ndarray) -> None:
    new = gx.placeholder(value.shape, name="new")
    gx.function(new, gx.sum(new), updates={w: new})(value)

def reference_function(w: Variable, value: np.ndarray) -> None:
    new = gx.placeholder(value.shape, name="new")
    gx.function(new, gx.sum(new), updates={w: new}, target="reference")(value)

def in_place(w: Variable, value: np.ndarray) -> None:
    w.storage[...] = value
    w.changed()

def other_storage(w: Variable, value: np.ndarray) -> None:
    w.storage = value.copy()

def eagerly(w: Variable, value: np.ndarray) -> None:
    with gx.eager():
        w.assign(gx.constant(value) * 1)

def failing_function(w: Variable, value: np.ndarray) -> None:
    """The new value is written, and then the call fails."""
    new, i = gx.placeholder(value.shape, name="new"), gx.placeholder((1,), "int32", name="i")
    f = gx.function([new, i], gx.take(w, i, axis=0), updates={w: new})
    f(value, [0])
    with pytest.raises(OutOfRangeError):
        f(value + 1, [1000])

CHANGES: tuple[Change, ...] = (
    assigned, added, subtracted, other_function, reference_function, in_place, other_storage,
    eagerly, failing_function,
)
# fmt: on


def values(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((96, 96)).astype(np.float32) / 8


def data(make: Make, rows: int) -> np.ndarray:
    x = values(9)[:rows]
    return x if make is not winograd else np.resize(x, (rows, 28, 28, 32))


def built(make: Make, keep: bool = True) -> tuple[Function, Variable]:
    x = gx.placeholder(("rows", *data(make, 1).shape[1:]), name="x")
    w = gx.variable(values(0), name="w")
    with settings(keep=keep):
        return gx.function(x, make(x, w)), w


def is_kept(f: Function) -> bool:
    assert isinstance(f.executable, LLVMExecutable | Restored)
    return f.executable.table.kept is not None


@pytest.mark.parametrize("make", FORMS, ids=lambda f: f.__name__)
def test_bits_are_those_without_keeping(make: Make) -> None:
    (f, w), (plain, other) = built(make), built(make, keep=False)
    assert is_kept(f)
    assert not is_kept(plain)
    for seed, rows in ((1, 7), (1, 7), (2, 7), (2, 90), (2, 7), (3, 3)):
        if not np.array_equal(values(seed), w.storage):
            w.assign(values(seed)), other.assign(values(seed))
        x = data(make, rows)
        assert f(x).tobytes() == plain(x).tobytes()


@pytest.mark.parametrize("make", [folded, packed, looped], ids=lambda f: f.__name__)
@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
def test_every_change_of_a_variable_is_seen(make: Make, change: Change) -> None:
    (f, w), (plain, other) = built(make), built(make, keep=False)
    x = values(9)[:5]
    f(x)
    change(w, values(4))
    other.assign(w.numpy())
    assert not np.array_equal(w.numpy(), values(0))
    assert f(x).tobytes() == plain(x).tobytes()


def test_kept_work_runs_once() -> None:
    f, w = built(packed)
    assert isinstance(f.executable, LLVMExecutable)
    sizes = {"rows": 5}
    counts = []
    for _ in range(2):
        counts.append(len(f.executable.profile([values(9)[:5]], sizes)))
    w.assign(values(1))
    counts.append(len(f.executable.profile([values(9)[:5]], sizes)))
    assert counts[0] == counts[2] == counts[1] + 1


def test_what_a_function_updates_is_not_kept() -> None:
    x = gx.placeholder(("rows", 96), name="x")
    w, v = gx.variable(values(0), name="w"), gx.variable(values(1), name="v")
    y = x @ gx.transpose(w) + x @ gx.transpose(v)
    f = gx.function(x, y, updates={w: w * 0.5})
    assert isinstance(f.executable, LLVMExecutable)
    kept = f.executable.table.kept
    assert kept is not None
    assert [f.executable.variables[i] for i in kept.variables] == [v]
    for scale in (1.0, 0.5, 0.25):
        want = values(9)[:5] @ (values(0) * np.float32(scale)).T + values(9)[:5] @ values(1).T
        np.testing.assert_allclose(f(values(9)[:5]), want, rtol=2e-5, atol=2e-5)


def test_large_results_of_small_variables_are_not_kept() -> None:
    x, w = gx.placeholder((1000, 1000), name="x"), gx.variable(np.ones(1000), name="w")
    grown = gx.sort(gx.broadcast_to(w, (1000, 1000)))[0]
    f = gx.function(x, x @ gx.transpose(grown))
    assert isinstance(f.executable, LLVMExecutable)
    assert f.executable.plan.kept == 0


@pytest.mark.parametrize("given", [{"disable": ["keep"]}, {"memory_budget": 1.0}])
def test_keeping_can_be_switched_off(given: dict[str, object]) -> None:
    x, w = gx.placeholder((5, 96), name="x"), gx.variable(values(0), name="w")
    assert not is_kept(gx.function(x, packed(x, w), **given))  # pyright: ignore[reportArgumentType]


def test_a_failed_check_is_made_again_until_it_holds() -> None:
    x = gx.placeholder((3,), name="x")
    table, i = gx.variable(np.arange(4.0), name="table"), gx.variable(np.array([9, 0, 1]), name="i")
    f = gx.function(x, x * gx.exp(gx.take(table, i, axis=0) * 0))
    for _ in range(2):
        with pytest.raises(OutOfRangeError):
            f(np.ones(3))
    i.assign([1, 0, 1])
    assert f(np.ones(3)).tolist() == [1, 1, 1]


def test_a_restored_function_keeps_too() -> None:
    built(packed)
    f, w = built(packed)
    plain, other = built(packed, keep=False)
    assert isinstance(f.executable, Restored)
    assert is_kept(f)
    x = values(9)[:5]
    for seed in (0, 1, 1):
        w.assign(values(seed)), other.assign(values(seed))
        assert f(x).tobytes() == plain(x).tobytes()
    assert "kept" in f.explain()


def test_threads_see_whole_values() -> None:
    """Two threads call, one changes the variable: every result is that of one of the values."""
    f, w = built(packed)
    x = values(9)[:5]
    wanted = set()
    for seed in (1, 2):
        w.assign(values(seed))
        wanted.add(f(x).tobytes())
    found: set[bytes] = set()
    lock = threading.Lock()

    def call() -> None:
        for _ in range(200):
            with lock:
                result = f(x)
            found.add(result.tobytes())

    threads = [threading.Thread(target=call) for _ in range(2)]
    for t in threads:
        t.start()
    for n in range(50):
        with lock:
            w.assign(values(1 + n % 2))
    for t in threads:
        t.join()
    assert found <= wanted
    assert f(x).tobytes() in wanted
