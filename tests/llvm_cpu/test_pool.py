from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from graphc.backends.llvm_cpu.host import NAMED, host
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.objects import jit
from graphc.backends.llvm_cpu.run import pool_ir, pool_words
from graphc.backends.llvm_cpu.run.pool import Pool, pool, set_threads
from graphc.errors import ArgumentError
from graphc.knobs import settings

CHUNK = [("ptr", "argument"), ("i32", "chunk"), ("i32", "count")]
PATIENCE = 50_000_000


def bump(f: Function, where: str) -> None:
    f.emit(f"atomicrmw add ptr {where}, i32 1 seq_cst")


def at(f: Function, index: str | int) -> str:
    return f.gep("i32", "%argument", index)


def write_kernels(module: Module) -> None:
    """mark: cell[chunk] += 1. meet: wait for the other chunk. nest: one `mark` per chunk inside."""
    f = Function(module, "mark", CHUNK)
    bump(f, at(f, f.cast("sext", "i32", "%chunk", "i64")))
    f.give_back()

    f = Function(module, "meet", CHUNK)
    bump(f, "%argument")
    look, done, more, arrived = (f.block(n) for n in ("look", "done", "more", "arrived"))
    turns = f.alloca("i32", 1)
    f.store("i32", 0, turns)
    f.branch(look)
    f.begin(look)
    here = f.emit("load atomic i32, ptr %argument seq_cst, align 4")
    f.branch_if(f.relate("eq", "i32", here, "%count"), arrived, more)
    f.begin(more)
    turn = f.binary("add", "i32", f.load("i32", turns), 1)
    f.store("i32", turn, turns)
    f.branch_if(f.relate("lt", "i32", turn, PATIENCE), look, done)
    f.begin(arrived)
    bump(f, at(f, 1))
    f.branch(done)
    f.begin(done)
    f.give_back()

    f = Function(module, "nest", CHUNK)
    parallel = f.load("ptr", "%argument")
    state = f.load("ptr", f.gep("ptr", "%argument", 1))
    cells = f.gep("ptr", "%argument", 2)
    inner = [("ptr", state), ("ptr", "@mark"), ("ptr", cells), ("i32", "%count")]
    f.call_pointer("void", parallel, inner)
    f.give_back()


@pytest.fixture(scope="module")
def kernels():
    module = Module(host())
    write_kernels(module)
    return jit.load([jit.unit_of(module.text(), "mark", "meet", "nest")])[0]


@pytest.fixture(params=["futex", "portable"])
def portable(request):
    if request.param == "futex" and not pool_words.has_futex():
        pytest.skip("no futex on this system")
    return request.param == "portable"


@pytest.fixture
def crew(portable):
    made = Pool(3, portable)
    yield made
    made.close()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_chunk_runs_once(threads, portable, kernels):
    crew = Pool(threads, portable)
    for count in (0, 1, 2, 3, 17, 1000):
        cells = np.zeros(1000, np.int32)
        for _ in range(100):
            crew.run(kernels["mark"], cells.ctypes.data, count)
        assert (cells[:count] == 100).all()
        assert not cells[count:].any()
    crew.close()


def test_workers_take_chunks_at_once_and_after_a_rest(crew, kernels):
    for pause in (0, 0.05, 0, 0.05):
        time.sleep(pause)
        cells = np.zeros(2, np.int32)
        crew.run(kernels["meet"], cells.ctypes.data, 3)
        assert cells.tolist() == [3, 3], "three chunks that wait for each other need three threads"


def test_several_callers_at_once(crew, kernels):
    cells = np.zeros((4, 16), np.int32)

    def call(row: int) -> None:
        for _ in range(2000):
            crew.run(kernels["mark"], cells[row].ctypes.data, 16)

    callers = [threading.Thread(target=call, args=(row,)) for row in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert (cells == 2000).all()


def test_a_kernel_may_use_the_pool_itself(crew, kernels):
    argument = np.zeros(20, np.int64)
    argument[:2] = crew.parallel, crew.state
    crew.run(kernels["nest"], argument.ctypes.data, 7)
    assert (argument[2:].view(np.int32)[:7] == 7).all()


def test_a_closed_pool_still_works_alone(crew, kernels):
    others = set(threading.enumerate())
    crew.run(kernels["mark"], np.zeros(4, np.int32).ctypes.data, 4)
    crew.close()
    cells = np.zeros(4, np.int32)
    crew.run(kernels["mark"], cells.ctypes.data, 4)
    assert cells.tolist() == [1, 1, 1, 1]
    assert set(threading.enumerate()) <= others


def test_an_idle_pool_uses_no_cpu(crew, kernels):
    crew.run(kernels["mark"], np.zeros(4, np.int32).ctypes.data, 4)
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.4)
    assert time.process_time() - before < 0.04


def test_threads_may_be_changed_while_calls_run(kernels):
    cells, stop = np.zeros(8, np.int32), threading.Event()
    calls = 0

    def call() -> None:
        nonlocal calls
        while not stop.is_set():
            pool().run(kernels["mark"], cells.ctypes.data, 8)
            calls += 1

    caller = threading.Thread(target=call)
    caller.start()
    for count in (1, 4, 2, 6, 1, 3):
        set_threads(count)
        assert pool().threads == count
        time.sleep(0.02)
    stop.set()
    caller.join()
    assert calls > 0
    assert (cells == calls).all()


@pytest.mark.parametrize("count", [0, -1, 1.5, "2"])
def test_a_number_of_threads_is_positive(count):
    with pytest.raises(ArgumentError, match="number of threads"):
        set_threads(count)


def test_the_switch_chooses_the_portable_pool():
    with settings(pool="portable"):
        set_threads(2)
    assert pool().portable
    set_threads(2)
    assert pool().portable != pool_words.has_futex()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_its_own_threads(kernels):
    set_threads(3)
    cells = np.zeros(2, np.int32)
    pool().run(kernels["meet"], cells.ctypes.data, 3)
    child = os.fork()
    if child == 0:
        set_threads(3)
        cells = np.zeros(2, np.int32)
        pool().run(kernels["meet"], cells.ctypes.data, 3)
        os._exit(int(cells[1]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert cells.tolist() == [3, 3]


@pytest.mark.parametrize("mode", ["auto", "portable"])
def test_the_interpreter_ends_cleanly(mode):
    program = (
        "import numpy as np\n"
        "from graphc.backends.llvm_cpu.objects import jit\n"
        "from graphc.backends.llvm_cpu.run import pool\n"
        "text = 'define void @f(ptr %a, i32 %i, i32 %n) { ret void }'\n"
        "f = jit.load([jit.unit_of(text, 'f')])[0]['f']\n"
        "pool.set_threads(4)\n"
        "[pool.pool().run(f, 0, 9) for _ in range(50)]\n"
    )
    environment = {**os.environ, "GRAPHC_POOL": mode}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, timeout=60, capture_output=True
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("name", sorted(NAMED))
@pytest.mark.parametrize("portable", [False, True])
def test_the_pool_compiles_for_every_target(name, portable):
    text = pool_ir.pool_module(NAMED[name], portable).text()
    assert jit.objects([jit.unit_of(text)], NAMED[name])[0]
