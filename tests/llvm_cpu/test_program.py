"""Whole plans in one native call: chains, sizes that change, checks, threads, forks, equal bits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from graphc import dtypes
from graphc.backends.llvm_cpu import kernels
from graphc.backends.llvm_cpu.ir.emitted import Emitted, Phase
from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.backends.llvm_cpu.run import pool
from graphc.crew import available_cores
from graphc.errors import OutOfMemoryError, OutOfRangeError
from graphc.kernels import build
from graphc.ops.variable import variable
from graphc.provenance import Source
from graphc.schedule.plan import CheckStep, CopyStep, Plan

from .plans import given, m, memory, n, plan, plus, point, result, run, times, total


def chain(length: int) -> Plan:
    """z = (((x + 1) + 2) + ...) * x"""
    x, z = given("x", (n,)), result("z", (n,))
    steps, last = [], x
    for i in range(length):
        y = memory(f"y{i}", (n,))
        steps.append(point(y, lambda a, i=i: plus(a, float(i + 1)), last))
        last = y
    return plan(*steps, point(z, times, last, x))


def test_chain_at_growing_and_shrinking_sizes() -> None:
    executable = LLVMExecutable(chain(5))
    for size in (3, 0, 1, 1000, 7, 100_003, 2):
        x = np.arange(size, dtype=np.float32)
        (z,) = executable.run([x], {"n": size})
        np.testing.assert_array_equal(z, (x + 15) * x)
        assert z.ctypes.data % 64 == 0
    assert executable.memory_plan.layout.nbytes == executable.needs({"n": 100_003}).intermediate


def test_chain_is_written_in_place() -> None:
    executable = LLVMExecutable(chain(9))
    assert executable.needs({"n": 1 << 16}).intermediate == 4 << 16


def test_two_sizes_that_grow_apart() -> None:
    x, y, z = given("x", (n, m)), memory("y", (n, m)), result("z", (n, m))
    executable = LLVMExecutable(plan(point(y, plus, x, x), point(z, times, y, x)))
    for rows, columns in ((2, 3), (100, 1), (1, 500), (40, 40), (0, 5)):
        a = np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)
        (got,) = executable.run([a], {"n": rows, "m": columns})
        np.testing.assert_array_equal(got, 2 * a * a)


def test_results_are_fresh_and_inputs_may_be_unaligned() -> None:
    executable = LLVMExecutable(chain(1))
    raw = np.zeros(4 * 9 + 4, np.uint8)[4:].view(np.float32)
    raw[...] = np.arange(9)
    (first,) = executable.run([raw], {"n": 9})
    kept = first.copy()
    (second,) = executable.run([raw[:9] * 2], {"n": 9})
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)


def test_constants_copies_and_unknown_axes() -> None:
    c = memory("c", (4,), "constant", value=np.arange(4, dtype=np.float32))
    x, y, z = given("x", (4,)), result("y", (4,)), result("z", (4,), 1)
    got = run(plan(point(y, plus, x, c), CopyStep(y, z), storages=[z]), np.ones(4, np.float32))
    np.testing.assert_array_equal(got, [[1, 2, 3, 4]] * 2)


def test_large_copy_uses_all_chunks() -> None:
    x, y, z = given("x", (n,)), memory("y", (n,)), result("z", (n,))
    p = plan(point(y, plus, x, x), CopyStep(y, z), storages=[z])
    a = np.random.default_rng(0).standard_normal(1_000_003).astype(np.float32)
    np.testing.assert_array_equal(run(p, a, n=a.size)[0], a + a)


def test_variables_change_in_place() -> None:
    w = variable(np.arange(5, dtype=np.float32), name="test_program_w")
    x, v = given("x", (5,)), memory("w", (5,), "variable", 0)
    executable = LLVMExecutable(plan(point(v, plus, v, x), commit=0), [w])
    for _ in range(3):
        assert executable.run([np.ones(5, np.float32)], {}) == []
    np.testing.assert_array_equal(w.storage, np.arange(5) + 3)
    w.storage = np.zeros(5, np.float32)
    executable.run([np.ones(5, np.float32)], {})
    np.testing.assert_array_equal(w.storage, np.ones(5))


def test_failed_check_leaves_variables() -> None:
    w = variable(np.zeros(3, np.float32), name="test_program_checked")
    flag, v = given("flag", (), dtype=dtypes.int32), memory("w", (3,), "variable", 0)
    place = Source("model.py", 12)
    steps = [CheckStep(flag, "first", place), point(v, lambda a: plus(a, 1.0), v)]
    executable = LLVMExecutable(plan(*steps, storages=[flag], commit=1), [w])
    executable.run([np.int32(0)[...]], {})
    with pytest.raises(OutOfRangeError, match="first") as caught:
        executable.run([np.array(1, np.int32)], {})
    assert caught.value.source == place
    np.testing.assert_array_equal(w.storage, np.ones(3))
    executable.run([np.array(0, np.int32)], {})
    np.testing.assert_array_equal(w.storage, np.full(3, 2))


def test_the_check_that_failed_is_named() -> None:
    flags = [given(f"f{i}", (), i, dtypes.int32) for i in range(3)]
    checks = [CheckStep(f, f"check {i}", Source("model.py", i)) for i, f in enumerate(flags)]
    executable = LLVMExecutable(plan(*checks, storages=flags))
    with pytest.raises(OutOfRangeError, match="check 2"):
        executable.run([np.array(i == 2, np.int32) for i in range(3)], {})


def test_memory_that_cannot_be_had_is_named_and_forgotten() -> None:
    y = memory("y", (n, n, n, n))
    executable = LLVMExecutable(plan(point(y, lambda: build.const(1.0))))
    with pytest.raises(OutOfMemoryError, match="MiB"):
        executable.run([], {"n": 40_000})
    assert executable.run([], {"n": 2}) == []


def test_eight_threads_share_one_executable() -> None:
    executable = LLVMExecutable(chain(4))
    wrong: list[int] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(50):
            x = rng.standard_normal(int(rng.integers(0, 3000))).astype(np.float32)
            (z,) = executable.run([x], {"n": x.size})
            want = ((((x + np.float32(1)) + 2) + 3) + 4) * x
            if not np.array_equal(z, want.astype(np.float32)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes can fork")
def test_a_forked_child_runs_although_the_lock_was_held() -> None:
    executable = LLVMExecutable(chain(2))
    x = np.ones(1 << 20, np.float32)
    (want,) = executable.run([x], {"n": x.size})
    with executable.lock:
        child = os.fork()
        if child == 0:
            (got,) = executable.run([x], {"n": x.size})
            os._exit(0 if np.array_equal(got, want) else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0


def test_same_bits_for_any_number_of_threads() -> None:
    x, s, z = given("x", (n,)), memory("s"), result("z", (n,))
    p = plan(total(s, x), point(z, times, x, s))
    a = np.random.default_rng(1).standard_normal(300_007).astype(np.float32)
    executable = LLVMExecutable(p)
    seen = set()
    try:
        for count in (1, 2, 3, 8):
            pool.set_threads(count)
            seen.add(executable.run([a], {"n": a.size})[0].tobytes())
    finally:
        pool.set_threads(available_cores())
    assert len(seen) == 1


def test_profile_names_every_kernel() -> None:
    p = chain(3)
    found = LLVMExecutable(p).profile([np.ones(10, np.float32)], {"n": 10})
    assert [step for step, _ in found] == list(p.steps)
    assert all(seconds > 0 for _, seconds in found)


def test_emission_is_kept_beside_the_object() -> None:
    emitted = Emitted((Phase("a", 3 * n + 1), Phase("b", 7, (0, 2))), ((dtypes.bfloat16, n * m),))
    assert kernels.decoded(kernels.encoded(emitted)) == emitted


def test_a_second_process_neither_emits_nor_compiles(tmp_path) -> None:
    program = """
import sys; sys.path.insert(0, sys.argv[1])
from llvm_cpu.test_program import chain
from graphc.backends.llvm_cpu import kernels
from graphc import crew
from graphc.backends.llvm_cpu.program import LLVMExecutable
def refuse(*_): raise SystemExit("compiled again")
if sys.argv[2] == "warm":
    kernels.emit = refuse
    crew.Crew.add = refuse
import numpy as np
assert LLVMExecutable(chain(2)).run([np.ones(3, np.float32)], {"n": 3})[0].tolist() == [4, 4, 4]
"""
    here = os.path.dirname(os.path.dirname(__file__))
    environment = {**os.environ, "GRAPHC_CACHE_DIR": str(tmp_path)}
    for state in ("cold", "warm"):
        subprocess.run(
            [sys.executable, "-c", program, here, state], env=environment, check=True, timeout=60
        )
