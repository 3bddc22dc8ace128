"""What it costs before the first number: importing, building graphs, compiling cold and cached.

    python -m benchmarks.compile_time

Each figure is the median over fresh processes, wall time in seconds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

IMPORT = """
import time; start = time.perf_counter()
import graphc, sys
print(time.perf_counter() - start)
assert "llvmlite" not in sys.modules
"""
BUILD = """
import time
from benchmarks.workloads import WORKLOADS, training_graph
start = time.perf_counter()
training_graph(WORKLOADS["W5"], seed=None)
print(time.perf_counter() - start)
"""
COMPILE = """
import time
import numpy as np
from graphc.frontend import demo
import graphc.backends.llvm_cpu.backend
model = demo.network(None, seed=1)
x, y = np.zeros((128, 28, 28, 1), np.float32), np.zeros(128, np.int32)
start = time.perf_counter()
model.train_on_batch(x, y)
first = time.perf_counter() - start
start = time.perf_counter()
model.train_on_batch(x, y)
print(first - (time.perf_counter() - start))
"""


def seconds(code: str, cache: str) -> float:
    """What a fresh process prints."""
    environment = {**os.environ, "GRAPHC_CACHE_DIR": cache}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    with tempfile.TemporaryDirectory() as warm:
        seconds(COMPILE, warm)
        cold: list[float] = []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as folder:
                cold.append(seconds(COMPILE, folder))
        rows = {
            "import graphc": [seconds(IMPORT, warm) for _ in range(7)],
            "build ResNet-50 training step": [seconds(BUILD, warm) for _ in range(5)],
            "compile the demo's training step, cold": cold,
            "the same, second process": [seconds(COMPILE, warm) for _ in range(7)],
        }
    for name, values in rows.items():
        print(f"{name:<42}{statistics.median(values):8.3f} s")


if __name__ == "__main__":
    main()
