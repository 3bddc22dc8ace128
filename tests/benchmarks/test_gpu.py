"""The benchmark of the GPU backend, without a GPU: its cases, launches and tables."""

from __future__ import annotations

import re
import sys

import pytest

from benchmarks.gpu import __main__ as bench
from benchmarks.gpu.cases import CASES, Convolution, Product, Training
from benchmarks.gpu.on_graphc import planned
from benchmarks.gpu.page import PEAKS, Row, page

FEW = ("matmul 1024", "dgrad 1x1/1 64 to 64, 64 x 56^2", "softmax, bfloat16, 16384 x 8192")


def test_the_convolutions_are_those_of_resnet_50():
    found = [c for c in CASES.values() if isinstance(c, Convolution)]
    forward = [c for c in found if c.direction == "forward"]
    assert sum(c.count for c in forward) == 53
    assert sum(c.count * c.flops for c in forward) / 64e9 == pytest.approx(8.178 - 0.004, rel=1e-3)
    assert {c.direction: c.count for c in found if c.shape[-1] == 3} == {"forward": 1, "wgrad": 1}


@pytest.mark.parametrize("name", FEW)
def test_what_would_be_launched(name):
    made = planned(CASES[name])
    assert 1 <= len(made.functions) <= made.launches <= 2
    assert all("@triton.jit" in launch.source for launch in made.functions)


def test_products_are_multiplied_in_bfloat16():
    (launch, *_) = sorted(planned(CASES["matmul 2048"]).functions, key=lambda x: x.function_name)
    assert {d.name for _, d in launch.pointers} <= {"bfloat16", "float32"}
    assert "tl.dot(" in launch.source


def test_a_dry_run_prints_tables_without_numbers(capsys):
    bench.dry(bench.options(["--dry-run", *FEW[:2]]))
    told = capsys.readouterr().out
    for name in FEW[:2]:
        assert re.search(rf"\| {re.escape(name)} +\| +– \|.* [12] of [12] functions \|", told)


def test_a_page_of_results():
    small, conv = "matmul 1024", "forward 1x1/1 64 to 64, 64 x 56^2"
    peak = PEAKS["H200"]
    at_half = CASES[small].flops / peak * 2
    train = Training("W2", 128, False).name
    copied = "softmax, float32, 16384 x 8192"
    rate = 4e12
    at_copy = CASES[copied].nbytes / rate
    rows = [
        Row(small, {"graphc": [at_half] * 3, "torch": [at_half / 2, at_half, at_half * 3]}),
        Row(conv, {"graphc": [1e-3], "torch": [2e-3]}),
        Row("wgrad 1x1/1 64 to 64, 64 x 56^2", {"graphc": [1e-3], "torch": [0.5e-3]}),
        Row(train, {"graphc": [1e-3], "torch-compile": [3e-3]}, {"graphc": [2e-3]},
            {"jax": "ValueError: no"}),
        Row(copied, {"graphc": [at_copy, at_copy * 2, at_copy]}, rates=[rate] * 3),
    ]  # fmt: skip
    first = [["case", "way", "cold", "cached"], [train, "graphc", "3.0", "1.0"]]
    text = page({"device": "NVIDIA H200 (sm_90)"}, rows, first)

    def cells(name):
        (found,) = re.findall(rf"^\| {re.escape(name)} +\|(.*)\|$", text, re.MULTILINE)[:1]
        return [cell.strip() for cell in found.split("|")]

    assert cells(small)[2:] == ["1.00", "50%"]
    assert cells(copied)[-1] == "100%"
    assert cells(train) == ["1", "3", "–", "2", "3.00", "–"]
    assert f"- {train}, jax: ValueError: no" in text
    assert "forward 2.00, all 1.00, wgrad 0.50." in text
    assert "## The first training step" in text


def test_who_computes_something_else_is_told():
    found = bench.differing("matmul 1024", {"graphc": 1.0, "torch": 1.01, "jax": 1.1})
    assert list(found) == ["jax"]
    assert bench.differing("matmul 1024", {"torch": 1.0, "jax": 2.0}) == {}


def test_files_are_named_by_the_device():
    assert bench.file_name("NVIDIA H200 (sm_90)") == "gpu-nvidia-h200.md"


def test_cases_have_names_of_their_own():
    assert Product(4096).name in CASES
    assert all(case.name == name for name, case in CASES.items())


def test_workers_without_a_device_say_so():
    worker = bench.start("graphc", sys.executable, "cuda", {"CUDA_VISIBLE_DEVICES": ""})
    try:
        reply = worker.ask("prepare", case="matmul 1024")
    finally:
        worker.close()
    assert "error" in reply or "graphc" in reply["failed"]
