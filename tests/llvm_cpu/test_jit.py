from __future__ import annotations

import ctypes
import gc
import os
import stat
import subprocess
import sys

import pytest

from graphc.backends.llvm_cpu import host
from graphc.backends.llvm_cpu.objects import codegen, jit, keys, workers
from graphc.crew import available_cores, worker_count
from graphc.errors import ArgumentError, CompileError
from graphc.knobs import settings

ANSWER = "define i64 @answer() {{ ret i64 {} }}"


@pytest.fixture(autouse=True)
def own_cache(tmp_path):
    with settings(cache_dir=str(tmp_path)):
        yield


def call(code, name="answer"):
    return ctypes.CFUNCTYPE(ctypes.c_int64)(code[name])()


def numbered(count, first=0):
    return [jit.unit_of(ANSWER.format(i), "answer") for i in range(first, first + count)]


def test_units_load_in_order_and_share_names():
    assert [call(code) for code in jit.load(numbered(5))] == [0, 1, 2, 3, 4]


def test_equal_units_are_one_code_that_stays():
    first, second = jit.load([*numbered(1, 77), *numbered(1, 77)])
    assert first is second
    address = first["answer"]
    del first, second
    gc.collect()
    assert call({"answer": address}) == 77
    assert jit.load(numbered(1, 77))[0]["answer"] == address


def test_a_cached_unit_is_not_written_again():
    def refuse():
        raise AssertionError("the text was asked for")

    (data,) = jit.objects([jit.Unit("key", lambda: ANSWER.format(5), ("answer",))], host.chosen())
    assert jit.objects([jit.Unit("key", refuse, ("answer",))], host.chosen()) == [data]
    assert call(jit.load([jit.Unit("key", refuse, ("answer",))])[0]) == 5


def test_libm_is_found():
    text = """
        declare double @erf(double)
        define double @f(double %x) { %y = call double @erf(double %x)  ret double %y }"""
    code = jit.load([jit.unit_of(text, "f")])[0]
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(code["f"])(0.5) == 0.5204998778130465


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize(
    "text", ["define nonsense", "define i64 @f(i64 %x) { %y = add i32 %x, 1  ret i64 %y }"]
)
def test_refused_text_is_a_compile_error(jobs, text):
    units = [*numbered(3), jit.unit_of(text, "f")]
    with settings(compile_jobs=jobs), pytest.raises(CompileError, match="LLVM refuses"):
        jit.load(units)


def test_a_missing_function_is_a_compile_error():
    text = """
        declare i64 @no_such_function()
        define i64 @f() { %y = call i64 @no_such_function()  ret i64 %y }"""
    with pytest.raises(CompileError, match="cannot be linked"):
        jit.load([jit.unit_of(text, "f")])


@pytest.mark.parametrize("effort", [0, 1, 2, 3])
def test_every_effort(effort):
    with settings(llvm_opt=effort):
        assert call(jit.load(numbered(1, 40))[0]) == 40


def test_workers_give_the_same_objects():
    texts = [ANSWER.format(i) for i in range(8)]
    machine = jit.machine_of(host.chosen())
    with settings(compile_jobs=1):
        alone = workers.compile_all(texts, machine)
    with settings(compile_jobs=3):
        together = workers.compile_all(texts, machine)
    assert alone == together


@pytest.mark.parametrize("script", ["exit 0", "kill -9 $$", "head -c 3 /dev/zero", "exit 1"])
def test_dead_workers_leave_the_work_to_this_process(script, tmp_path, monkeypatch):
    fake = tmp_path / "python-that-dies"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(fake))
    with settings(compile_jobs=3):
        assert [call(code) for code in jit.load(numbered(6, 100))] == list(range(100, 106))


def test_a_key_is_the_same_in_another_process():
    program = f"from {keys.__name__} import key_of; print(key_of('kernel', 'target'))"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert other.stdout.strip() == keys.key_of("kernel", "target")


def test_little_work_starts_no_worker():
    with settings(compile_jobs=0):
        trade = workers.trade(jit.machine_of(host.chosen()))
        assert worker_count(trade, 0.01) == 0
        assert worker_count(trade, 1000.0) == available_cores() - 1


@pytest.mark.parametrize("name", sorted(host.NAMED))
def test_named_targets_compile_anywhere(name):
    target = host.named(name)
    text = f"define <{target.lanes} x float> @f(<{target.lanes} x float> %x) #0 {{"
    text += f" %y = fadd <{target.lanes} x float> %x, %x  ret <{target.lanes} x float> %y }}\n"
    text += f"attributes #0 = {{ {target.attributes()} }}\n"
    data = jit.objects([jit.unit_of(text, "f")], target)[0]
    assert data[:4] == b"\x7fELF"
    register = {16: "v0" if target.is_arm else "%xmm", 32: "%ymm", 64: "%zmm"}
    assert register[target.vector_bytes] in codegen.assembly(text, jit.machine_of(target))


def test_host_target_is_consistent():
    target = host.chosen()
    assert target.lanes in (4, 8, 16)
    assert target.key() == host.named("host").key()
    with pytest.raises(ArgumentError, match="unknown target"):
        host.named("pdp11")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_links_on_its_own():
    assert call(jit.load(numbered(1, 7))[0]) == 7
    child = os.fork()
    if child == 0:
        os._exit(call(jit.load(numbered(1, 8))[0]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 8
