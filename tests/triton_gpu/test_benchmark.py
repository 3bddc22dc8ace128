"""The benchmark's own side on the driver that checks what it is asked: all but the numbers."""

from __future__ import annotations

MEASURE = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from benchmarks.gpu.__main__ import Bench, options
bench = Bench(options(["--rounds", "2", "--seconds", "0.001"]))
try:
    for name in ("matmul 1024", "LSTM-128, 28 rows, batch 128, float32"):
        row = bench.measured(name)
        assert "graphc" not in row.failed, row.failed
        assert len(row.seconds["graphc"]) == 2 and min(row.seconds["graphc"]) > 0, row
        print(name, sorted(row.whole))
finally:
    bench.close()
print(bench.facts["device"], "|", bench.facts["driver"])
"""


def test_cases_are_run_and_timed(python, request):
    told = python("-c", MEASURE.format(root=str(request.config.rootpath)))
    assert told.splitlines() == [
        "matmul 1024 []",
        "LSTM-128, 28 rows, batch 128, float32 ['graphc']",
        "Fake GPU (sm_90) | CUDA 13.0",
    ]
