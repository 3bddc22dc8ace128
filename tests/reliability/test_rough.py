"""Forks, threads, crowded and broken caches, odd switches: the same bits, and no harm."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import graphc as gx

from .process import TRAIN, ended, run, started

# ---------------------------------------------------------------------------- the same bits


# fmt: off
CIRCUMSTANCES = {
    "warm":          {},
    "no cache":      {"GRAPHC_CACHE": 0},
    "1 thread":      {"GRAPHC_THREADS": 1},
    "2 threads":     {"GRAPHC_THREADS": 2},
    "3 threads":     {"GRAPHC_THREADS": 3},
    "8 threads":     {"GRAPHC_THREADS": 8},
    "portable pool": {"GRAPHC_POOL": "portable", "GRAPHC_THREADS": 3},
    "one process":   {"GRAPHC_COMPILE_JOBS": 1, "GRAPHC_CACHE": 0},
    "no home":       {"GRAPHC_CACHE_DIR": "", "HOME": "/proc/no", "XDG_CACHE_HOME": "/proc/no"},
    "a file":        {"GRAPHC_CACHE_DIR": "/dev/null"},
    "read only":     {"GRAPHC_CACHE_DIR": "/proc/self"},
    "hash seed":     {"PYTHONHASHSEED": 12345},
}
# fmt: on


@pytest.mark.parametrize("name", CIRCUMSTANCES)
def test_training_answers_the_same_bits(name, folder, bits):
    assert run(TRAIN, **{"GRAPHC_CACHE_DIR": folder, **CIRCUMSTANCES[name]}) == bits


def damaged(data: bytes, how: int) -> bytes:
    return [b"", data[: len(data) // 2], bytes(len(data)), b"\xff" * 9 + data, data[::-1]][how % 5]


def test_damaged_entries_are_compiled_again(tmp_path, bits):
    assert run(TRAIN, GRAPHC_CACHE_DIR=tmp_path) == bits
    entries = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    assert len(entries) > 10
    for how, path in enumerate(entries):
        path.write_bytes(damaged(path.read_bytes(), how))
    assert run(TRAIN, GRAPHC_CACHE_DIR=tmp_path) == bits
    assert all(path.read_bytes().startswith(b"GRAPHC") for path in entries)


def test_eight_processes_on_one_cold_cache(tmp_path, bits):
    crew = [started(TRAIN, GRAPHC_CACHE_DIR=tmp_path, GRAPHC_THREADS=1) for _ in range(8)]
    assert [ended(process) for process in crew] == [bits] * 8
    assert not list(tmp_path.rglob(".new-*")), "no temporary file is left"


# ---------------------------------------------------------------------------- threads and forks


def at_once(work: Callable[[int], None], count: int = 8) -> None:
    """Run in several threads; raise what any of them raises."""
    wrong: list[BaseException] = []

    def one(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            wrong.append(error)

    crew = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)
    assert not any(thread.is_alive() for thread in crew)
    if wrong:
        raise wrong[0]


def test_eight_threads_call_one_function():
    x, calls = gx.placeholder((None, 64), name="x"), gx.variable(0, "int64", name="calls")
    w = gx.constant(np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32))
    f = gx.function(x, gx.nn.softmax(gx.tanh(x @ w)), updates={calls: calls + 1})
    inputs = [np.random.default_rng(n).normal(size=(30 * n + 1, 64)) for n in range(8)]
    want = [f(a).tobytes() for a in inputs]

    def work(number: int) -> None:
        for _ in range(100):
            assert f(inputs[number]).tobytes() == want[number]

    at_once(work)
    assert calls.numpy() == 808


def test_eight_threads_build_and_compile():
    def work(number: int) -> None:
        for turn in range(4):
            x = gx.placeholder((None, 8), name="x")
            y = x
            for i in range(20):
                y = gx.sin(y + float((number + i + turn) % 3)) * 1.5
            f = gx.function(x, [y, gx.grad(gx.sum(y), x)])
            want = gx.function(x, [y, gx.grad(gx.sum(y), x)], target="reference")(np.ones((3, 8)))
            for got, right in zip(f(np.ones((3, 8))), want, strict=True):
                np.testing.assert_allclose(got, right, rtol=1e-4)

    at_once(work)


def test_eight_threads_train_models_of_their_own():
    def work(_: int) -> None:
        model = gx.Sequential([gx.layers.Dense(4, activation="relu"), gx.layers.Dense(3)])
        model.compile("adam", "mse")
        history = model.fit(np.ones((6, 5)), np.ones((6, 3)), epochs=3, verbose=0).history
        assert np.isfinite(history["loss"]).all()

    at_once(work)


FORK = """
import os
import numpy as np, graphc as gx
x, w = gx.placeholder((None, 256), name="x"), gx.variable(np.zeros(256, np.float32), name="w")
f = gx.function(x, gx.nn.softmax(gx.sin(x @ gx.ones((256, 256)))), updates={w: w + gx.sum(x, 0)})
a = np.random.default_rng(0).normal(size=(500, 256)).astype(np.float32)
want, total = f(a).tobytes(), w.numpy()
for turn in range(10):
    child = os.fork()
    if child == 0:
        good = f(a).tobytes() == want and np.array_equal(w.numpy(), total + total)
        g = gx.function(x, gx.cos(x) * (turn + 2))  # a child can compile
        good = good and np.allclose(g(a), np.cos(a) * (turn + 2), atol=1e-5)
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, turn
    w.assign(np.zeros(256))
    assert f(a).tobytes() == want, "the parent goes on as before"
    assert np.array_equal(w.numpy(), total)
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("pool", ["auto", "portable"])
def test_a_forked_child_computes_and_so_does_its_parent(pool, folder):
    assert run(FORK, GRAPHC_CACHE_DIR=folder, GRAPHC_POOL=pool, GRAPHC_THREADS=3) == ["done"]


SPAWN = """
import multiprocessing
import numpy as np, graphc as gx

def work(k):
    x = gx.placeholder((None,), name="x")
    return gx.function(x, gx.sin(x) * 2)(np.full(3, k)).tolist()

if __name__ == "__main__":
    here = [work(k) for k in range(4)]
    for method in METHODS:
        with multiprocessing.get_context(method).Pool(2) as crew:
            assert crew.map(work, range(4)) == here
    print("done")
"""


def test_processes_of_multiprocessing(tmp_path):
    methods = [m for m in ("spawn", "fork", "forkserver") if m != "fork" or hasattr(os, "fork")]
    program = tmp_path / "program.py"
    program.write_text(SPAWN.replace("METHODS", repr(methods)), encoding="utf-8")
    assert run(program, GRAPHC_CACHE_DIR=tmp_path) == ["done"]


# ---------------------------------------------------------------------------- ends

ENDS = {
    "while workers spin": "f(a)",
    "while a thread calls": "thread(lambda: [f(a) for _ in iter(int, 1)]); time.sleep(0.2)",
    "with an error": "f(a)\ntry:\n    f(a[:, :3])\nexcept ValueError:\n    pass",
    "by sys.exit in a thread": "thread(lambda: (f(a), sys.exit(0)))",
}


@pytest.mark.parametrize("pool", ["auto", "portable"])
@pytest.mark.parametrize("end", ENDS)
def test_the_interpreter_ends(end, pool, folder):
    program = (
        "import sys, threading, time\nimport numpy as np, graphc as gx\n"
        "x = gx.placeholder((None, 512), name='x')\n"
        "f = gx.function(x, gx.sum(gx.sin(x @ gx.ones((512, 512)))))\n"
        "def thread(work): threading.Thread(target=work, daemon=True).start()\n"
        f"a = np.ones((999, 512), np.float32)\n{ENDS[end]}\nprint('end')\n"
    )
    assert run(program, GRAPHC_CACHE_DIR=folder, GRAPHC_POOL=pool, GRAPHC_THREADS=4) == ["end"]


# ---------------------------------------------------------------------------- memory

MEMORY = """
import gc
import numpy as np, graphc as gx

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

def make():
    x, v = gx.placeholder((None, 64), name="x"), gx.variable(np.zeros(64, np.float32), name="v")
    w = gx.constant(np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32))
    y = gx.nn.softmax(gx.tanh(x @ w))
    return gx.function(x, [y, gx.grad(gx.sum(y * y), x)], updates={v: v + gx.sum(x, axis=0)})

f = make()
data = np.random.default_rng(0).normal(size=(300, 64)).astype(np.float32)

def calls(count):
    for k in range(count):
        f(data[: 1 + 37 * k % 300])

def refusals(count):
    for _ in range(count):
        try:
            f(data[:, 1:])
        except ValueError:
            continue

def compilations(count):
    for _ in range(count):
        make()(data)

def plans(count):
    with gx.settings(check=2):  # nothing comes from the cache whole
        compilations(count)

for work, first, count in (
    (calls, 500, 10_000), (refusals, 500, 2000), (compilations, 60, 300), (plans, 150, 60)
):
    work(first)
    gc.collect()
    before = resident()
    work(count)
    gc.collect()
    print(f"{work.__name__} {resident() / before - 1:.4f}")
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
def test_memory_does_not_grow(folder):
    grown = dict(line.split() for line in run(MEMORY, GRAPHC_CACHE_DIR=folder))
    assert {name: float(share) for name, share in grown.items() if float(share) > 0.01} == {}
