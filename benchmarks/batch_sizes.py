"""Time per image of one compiled training step at several batch sizes.

python -m benchmarks.batch_sizes
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from graphc.frontend import demo

BATCHES = (128, 96, 64, 33, 1)
ROUNDS = 30


def main() -> None:
    model = demo.network(None, seed=1)
    rng = np.random.default_rng(0)
    data = {n: (rng.random((n, 28, 28, 1), np.float32), np.zeros(n, np.int32)) for n in BATCHES}
    times: dict[int, list[float]] = {n: [] for n in BATCHES}
    for _ in range(ROUNDS):
        for n, (x, y) in data.items():
            start = time.perf_counter()
            model.train_on_batch(x, y)
            times[n].append(time.perf_counter() - start)
    base = statistics.median(times[BATCHES[0]]) / BATCHES[0]
    for n, seconds in times.items():
        each = statistics.median(seconds) / n
        print(f"batch {n:>4}  {1e6 * each:8.1f} us per image  {each / base:6.2f} x batch 128")


if __name__ == "__main__":
    main()
