"""What only some systems have is missing, one thing at a time and all together: the same bits."""

from __future__ import annotations

import pytest

from .process import TRAIN, run

BEFORE = """
import ctypes, os, subprocess, sys, threading
def refuse(*_, **__): raise OSError("there is no such thing here")
def full(*_, **__): raise RuntimeError("can't start new thread")
"""
LARGE = """
x = gx.placeholder((None, 1024), name="x")
ones = np.ones((1024, 1024), np.float32)
assert gx.function(x, gx.max(gx.sort(x * 2) @ ones))(ones) == 2048
"""
LOADED = "import graphc.backends.llvm_cpu.program, graphc.target"
NATIVE = "graphc.backends.llvm_cpu"

# fmt: off
WITHOUT = {
    "fork":        "del os.fork, os.register_at_fork",
    "Linux":       f"{LOADED}; sys.platform = 'freebsd14'",
    "affinity":    f"{LOADED}; sys.platform = 'freebsd14'; del os.sched_getaffinity",
    "futex":       f"import {NATIVE}.run.pool_words as p; p.has_futex = lambda: False",
    "madvise":     f"{LOADED}; ctypes.CDLL = refuse",
    "executable":  "sys.executable = ''",
    "processes":   f"{LOADED}; subprocess.Popen = refuse",
    "threads":     f"{LOADED}; threading.Thread.start = full",
}
# fmt: on


@pytest.mark.parametrize("jobs", [3, pytest.param(0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [*WITHOUT, "all"])
def test_a_system_without(name, jobs, bits):
    lacking = WITHOUT.values() if name == "all" else [WITHOUT[name]]
    program = BEFORE + "\n".join(lacking) + TRAIN + LARGE
    assert run(program, GRAPHC_CACHE=0, GRAPHC_COMPILE_JOBS=jobs, GRAPHC_THREADS=3) == bits
