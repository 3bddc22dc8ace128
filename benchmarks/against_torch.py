"""A training step of the demo's network here and in PyTorch eager, in turn, in one process.

    python -m benchmarks.against_torch [--batch 128] [--rounds 7]

Both use the same weights, data, Adam and number of threads; PyTorch runs channels_last with fused
Adam. PyTorch is no dependency: `pip install torch` into the environment first. The ratio of each
round is printed, and the median, because the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np

from graphc.frontend import demo

THREADS = int(os.environ.get("GRAPHC_THREADS", os.cpu_count() or 1))


def ours(x: np.ndarray, y: np.ndarray) -> Callable[[], object]:
    model = demo.network(None, seed=1)
    return lambda: model.train_on_batch(x, y)


def theirs(x: np.ndarray, y: np.ndarray) -> Callable[[], object]:
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    layers = [
        nn.Conv2d(1, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(1600, 10),
    ]  # fmt: skip
    model = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    images = torch.tensor(x).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    labels = torch.tensor(y, dtype=torch.long)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def seconds(step: Callable[[], object], least: float = 0.5) -> float:
    """The median time of a step, over at least so many seconds."""
    times: list[float] = []
    while sum(times) < least or len(times) < 5:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    x = random.random((options.batch, 28, 28, 1), np.float32)
    y = random.integers(0, 10, options.batch, np.int32)
    mine, other = ours(x, y), theirs(x, y)
    for step in (mine, other):
        for _ in range(5):
            step()
    print(f"demo network, batch {options.batch}, {THREADS} threads, milliseconds per step")
    print(f"{'graphc':>10} {'PyTorch':>10} {'ratio':>7}")
    ratios = []
    for _ in range(options.rounds):
        a, b = seconds(mine), seconds(other)
        ratios.append(a / b)
        print(f"{1000 * a:10.2f} {1000 * b:10.2f} {a / b:7.3f}")
    print(f"median ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
