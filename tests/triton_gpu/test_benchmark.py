"""The benchmark's own side on the driver that checks what it is asked: all but the numbers."""

from __future__ import annotations

MEASURE = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from benchmarks.gpu.__main__ import Bench, options
bench = Bench(options(["--rounds", "2", "--seconds", "0.001"]))
try:
    row = bench.measured("matmul 1024")
    assert "graphc" not in row.failed, row.failed
    assert len(row.seconds["graphc"]) == 2 and min(row.seconds["graphc"]) > 0, row
finally:
    bench.close()
print(bench.facts["device"], "|", bench.facts["driver"])
"""


def test_a_case_is_run_and_timed(python, request):
    told = python("-c", MEASURE.format(root=str(request.config.rootpath)))
    assert told.splitlines() == ["Fake GPU (sm_90) | CUDA 13.0"]
