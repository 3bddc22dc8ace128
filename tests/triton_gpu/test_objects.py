"""From sources to binaries: what is made, what is kept, what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from graphc.backends.triton_gpu.objects import compile as compiling
from graphc.backends.triton_gpu.objects.binary import decoded
from graphc.backends.triton_gpu.objects.chips import chip
from graphc.backends.triton_gpu.objects.compile import compiled, listing, resources
from graphc.backends.triton_gpu.objects.source import deciding, path_of, task_of, type_name
from graphc.dtypes import ALL
from graphc.errors import ArgumentError, CompileError, MissingExtraError
from graphc.knobs import settings
from triton_gpu import sources

THREE = [sources.copy(), sources.row_sum(), sources.matmul()]
USE = """
import sys
from triton_gpu import sources
from graphc.backends.triton_gpu.objects import compile as compiling
from graphc.backends.triton_gpu.objects.chips import chip
if sys.argv[1] == "warm":
    compiling._made = None
made = compiling.compiled([sources.copy()], chip(90))
assert made[0].name == "copy" and made[0].code[:4] == b"\\x7fELF"
assert not {name.partition(".")[0] for name in sys.modules} & {"triton", "cuda", "torch"}
"""


def test_what_a_launch_must_know(kept_kernels):
    copy, row_sum, matmul = compiled(THREE, chip(90))
    assert (copy.name, copy.warps, copy.shared, copy.parameters) == ("copy", 4, 0, (8, 8, 4, 8, 8))
    assert row_sum.parameters == (8, 8, 4, 4, 8, 8)
    assert (matmul.warps, matmul.shared, matmul.parameters) == (8, 98304, (8, 8, 8, 4, 8, 8))
    for binary in (copy, row_sum, matmul):
        assert binary.code[:4] == b"\x7fELF"
        assert binary.spills == binary.scratch == binary.profile == 0
    (wide,) = compiled([sources.copy(wide=True)], chip(90))
    assert wide.parameters == (8, 8, 8, 8, 8)


@pytest.mark.parametrize("cc", [80, 90, "gfx942"])
def test_resources(kept_kernels, cc):
    copy, matmul = resources([sources.copy(), sources.matmul()], cc)
    assert (copy.function_name, matmul.function_name) == ("copy", "matmul")
    assert 0 < copy.registers < matmul.registers <= 255
    assert copy.spills == matmul.spills == copy.shared == 0
    assert matmul.shared == {80: 65536, 90: 98304, "gfx942": 65536}[cc]


@pytest.mark.parametrize(
    ("cc", "word"), [(80, ".target sm_80"), (90, ".target sm_90a"), ("gfx942", "v_add_")]
)
def test_listing(kept_kernels, cc, word):
    assert word in listing(sources.row_sum(), cc)


def test_alignment_is_a_promise(kept_kernels):
    assert "cp.async.cg" in listing(sources.matmul(), 80), "copies of 16 bytes"
    assert "cp.async" not in listing(sources.matmul(unaligned=frozenset({"a", "b"})), 80)


def test_chips():
    assert str(chip(90)) == "sm_90"
    assert chip(90).shared_bytes == 232448
    assert chip(80).shared_bytes == 166912
    assert chip(91, 1000).shared_bytes == 1000, "a device may be newer than this table"
    for wrong in (75, 91, "gfx906", "sm_90"):
        with pytest.raises(ArgumentError, match="no code is generated"):
            chip(wrong)


def test_types():
    names = "i1 u8 u16 u32 u64 i8 i16 i32 i64 fp16 bf16 fp32 fp64"
    assert [type_name(d) for d in ALL] == names.split()


def test_a_source_is_a_file_to_look_at(tmp_path):
    with settings(cache_dir=str(tmp_path)):
        path = path_of(sources.copy())
        assert Path(path).read_text(encoding="utf-8") == sources.COPY
        assert path_of(sources.copy(warps=8)) == path
    with settings(cache=False):
        assert path_of(sources.copy()) == "<copy>"


def test_comments_decide_nothing():
    here = chip(90)
    plain = deciding(task_of(sources.copy(), here))
    told = replace(sources.copy(), source="# of model.py:3\n" + sources.COPY)
    assert deciding(task_of(told, here)) == plain
    others = [
        replace(sources.copy(), source=sources.COPY.replace("1024", "512")),
        sources.copy(warps=8), sources.copy(stages=2), sources.copy(wide=True),
        sources.copy(unaligned=frozenset({"target"})),
    ]  # fmt: skip
    assert plain not in [deciding(task_of(other, here)) for other in others]
    assert deciding(task_of(sources.copy(), chip(80))) != plain


# ---------------------------------------------------------------------------- what is refused


def test_more_shared_memory_than_the_chip_has(kept_kernels):
    with pytest.raises(CompileError, match=r"matmul needs(.|\n)*bytes for each(.|\n)*166912 bytes"):
        compiled([sources.matmul(stages=7)], chip(80))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tl.load(source", "tl.lead(source", "has no attribute 'lead'"),
        ("def copy(source, target, n)", "def copy(source, n)", "takes 2 arguments"),
        ("def copy", "def other", "KeyError: 'copy'"),
        ("@triton.jit", "", "no function of @triton.jit"),
        ("tl.arange(0, 1024)", "tl.arange(0, 1000)", "power of 2"),
    ],
)
def test_a_source_that_triton_refuses(kept_kernels, old, new, words):
    launch = replace(sources.copy(), source=sources.COPY.replace(old, new))
    with pytest.raises(CompileError, match=rf"cannot compile copy(.|\n)*{words}") as caught:
        compiled([launch], chip(90))
    assert path_of(launch) in str(caught.value)


def test_triton_is_not_installed(monkeypatch):
    monkeypatch.setattr(compiling, "find_spec", lambda _: None)
    compiling._toolchain.cache_clear()
    with pytest.raises(MissingExtraError, match=r"graphc\[gpu\]"):
        compiled([sources.copy()], chip(90))


# ---------------------------------------------------------------------------- what is kept


def test_a_second_process_neither_loads_triton_nor_compiles(python):
    python("-c", USE, "cold")
    python("-c", USE, "warm")


def test_what_the_user_set_for_triton_is_not_seen_by_workers(kept_kernels, monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setenv("TRITON_KERNEL_DUMP", "1")
    with settings(cache=False):
        assert compiled([sources.row_sum()], chip(90))[0].name == "row_sum"


def test_damaged_entries_are_made_again(tmp_path):
    with settings(cache_dir=str(tmp_path)):
        (first,) = compiled([sources.copy()], chip(90))
        (entry,) = (tmp_path / "kernels").rglob("*.o")
        whole = entry.read_bytes()
        entry.write_bytes(whole[:-100])
        assert compiled([sources.copy()], chip(90)) == [first]
        assert entry.read_bytes() == whole, "the same source gives the same bytes"


@pytest.mark.parametrize("data", [b"", b"1234", b"\x02\0\0\0{}", b"\x02\0\0\0[]abc"])
def test_what_is_no_binary(data):
    assert decoded(data) is None


def test_processes_on_a_cold_cache(tmp_path):
    environment = {**os.environ, "GRAPHC_CACHE_DIR": str(tmp_path)}
    environment["PYTHONPATH"] = os.path.dirname(os.path.dirname(__file__))
    command = [sys.executable, "-c", USE, "cold"]
    crew = [subprocess.Popen(command, env=environment) for _ in range(8)]
    assert [process.wait(timeout=100) for process in crew] == [0] * 8
    files = [path.suffix for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(files) == [".o", ".py"]
