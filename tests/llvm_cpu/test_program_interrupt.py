"""Ctrl-C in a long native call: it stops soon, variables stay whole, the next call works."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOON = 5
"""Seconds: a quarter of one where nothing else runs."""

HEAD = """
import time
import numpy as np
from graphc import dtypes
from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.kernels import build
from graphc.ops.variable import variable
from graphc.schedule.plan import ScanStep
from llvm_cpu.plans import given, memory, n, plan, plus, point, result

def long_loop(size):
    "final = init + n, element by element"
    c = memory("c", (size,), "parameter", 0)
    d = memory("d", (size,), "result", 0)
    init, final = given("init", (size,)), result("final", (size,))
    body = plan(point(d, lambda a: plus(a, 1.0), c))
    return ScanStep(body, n, False, (init,), (), (), (final,), ()), (init, final)

def stopped(executable, zero, turns):
    "Run until Ctrl-C; how long after it the call ended is measured outside."
    print("ready", flush=True)
    try:
        executable.run([zero], {"n": turns})
    except KeyboardInterrupt:
        print("stopped", flush=True)
    else:
        print("finished", flush=True)

zero = np.zeros(1 << 16, np.float32)
loop, ends = long_loop(1 << 16)
"""

BEFORE = """
executable = LLVMExecutable(plan(loop, storages=ends))
executable.run([zero], {"n": 1})
stopped(executable, zero, 10**9)
assert executable.run([zero], {"n": 3})[0].tolist() == [3.0] * zero.size
print("usable", flush=True)
"""

AFTER = """
w = variable(np.zeros(4, np.float32), name="w")
v = memory("w", (4,), "variable", 0)
count = point(v, lambda a: plus(a, 1.0), v)
executable = LLVMExecutable(plan(count, loop, count, storages=ends, commit=0), [w])
executable.run([zero], {"n": 1})
stopped(executable, zero, 100_000)
assert w.storage.tolist() == [4.0] * 4
executable.run([zero], {"n": 1})
assert w.storage.tolist() == [6.0] * 4
print("usable", flush=True)
"""

ONE_KERNEL = """
import graphc as gx

a, b = gx.placeholder(("m", 2000), name="a"), gx.placeholder((2000, 2000), name="b")
pairs = gx.expand_dims(a, 2) * gx.expand_dims(b, 0)
f = gx.function([a, b], gx.KIND)
x = np.full((2000, 2000), 0.5, np.float32)
first = f(x[:2], x)
print("ready", flush=True)
try:
    f(x, x)
except KeyboardInterrupt:
    print("stopped", flush=True)
np.testing.assert_array_equal(f(x[:2], x), first)
print("usable", flush=True)
"""


def interrupted(program: str) -> tuple[list[str], float]:
    """What a process prints that gets Ctrl-C in the middle, and how long it took to react."""
    with subprocess.Popen(
        [sys.executable, "-c", HEAD + program],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    ) as process:
        assert process.stdout, "opened with a pipe"
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        begin = time.perf_counter()
        process.send_signal(signal.SIGINT)
        words = [process.stdout.readline().strip()]
        seconds = time.perf_counter() - begin
        words += process.stdout.read().split()
        assert process.wait(60) == 0
    return words, seconds


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
def test_a_call_that_changed_nothing_is_abandoned() -> None:
    words, seconds = interrupted(BEFORE)
    assert words == ["stopped", "usable"]
    assert seconds < SOON


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
def test_a_call_that_has_begun_to_change_variables_is_finished() -> None:
    assert interrupted(AFTER)[0] == ["stopped", "usable"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
@pytest.mark.parametrize("result", ["sum(gx.sin(pairs))", "max(gx.sin(pairs), 1)"])
def test_one_long_kernel_stops_between_its_parts(result: str) -> None:
    words, seconds = interrupted(ONE_KERNEL.replace("KIND", result))
    assert words == ["stopped", "usable"]
    assert seconds < SOON
