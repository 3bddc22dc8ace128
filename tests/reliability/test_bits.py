"""The same weights, bit for bit: any number of threads, every run, a cold or a warm cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.networks import Builder
from benchmarks.workloads import WORKLOADS, Workload, training_graph
from graphc import compiler
from graphc.backends.llvm_cpu.run.pool import pool, set_threads
from graphc.backends.llvm_cpu.run.restored import Restored
from graphc.ir.node import Tensor
from graphc.knobs import settings
from graphc.ops import nn, reduce


def small_residual(b: Builder, x: Tensor) -> Tensor:
    """A residual network of the same layers as ResNet-50, two blocks of them."""
    x = nn.max_pool(nn.relu(b.norm(b.conv(x, 16, 7, 2, 3, bias=False))), 3, 2, ((1, 1), (1, 1)))
    for stride, filters in ((1, 8), (2, 16)):
        y = nn.relu(b.norm(b.conv(x, filters, 1, bias=False)))
        y = nn.relu(b.norm(b.conv(y, filters, 3, stride, 1, bias=False)))
        y = b.norm(b.conv(y, 4 * filters, 1, bias=False))
        x = nn.relu(y + b.norm(b.conv(x, 4 * filters, 1, stride, bias=False)))
    return b.dense(reduce.mean(x, axis=(1, 2)), 10)


# fmt: off
SMALL = {
    "W2": (replace(WORKLOADS["W2"], shape=(14, 14, 1), batch=24), 200),
    "W5": (replace(WORKLOADS["W5"], network=small_residual, shape=(40, 40, 3), classes=10), 3),
}
WHOLE = {"W2": (WORKLOADS["W2"], 200), "W5": (WORKLOADS["W5"], 3)}
# fmt: on


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = pool().threads
    yield
    set_threads(before)


def weights_after(w: Workload, steps: int) -> tuple[str, bool]:
    """The hash of all variables after some steps, and whether the function was in the cache."""
    inputs, loss, updates = training_graph(w)
    step = compiler.function(inputs, loss, updates=updates, fast_math=True)
    x, labels = w.data(2 * w.batch)
    whole = hashlib.sha256()
    for i in range(steps):
        at = slice(w.batch // 2 * (i % 3), w.batch // 2 * (i % 3) + w.batch)
        whole.update(np.asarray(step(x[at], labels[at])).tobytes())
    for variable in updates:
        whole.update(variable.numpy().tobytes())
    return whole.hexdigest(), isinstance(step.executable, Restored)


def all_hashes(w: Workload, steps: int, folder: Path) -> set[str]:
    """Of training with 1, 2 and 8 threads, each of them twice: with a cold cache, then a warm."""
    found: set[str] = set()
    for count in (1, 2, 8):
        set_threads(count)
        with settings(cache_dir=str(folder / str(count))):
            cold, warm = weights_after(w, steps), weights_after(w, steps)
        assert (cold[1], warm[1]) == (False, True)
        found |= {cold[0], warm[0]}
    return found


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_train_to_the_same_bits(name: str, tmp_path: Path) -> None:
    assert len(all_hashes(*SMALL[name], tmp_path)) == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", WHOLE)
def test_whole_networks_train_to_the_same_bits(name: str, tmp_path: Path) -> None:
    assert len(all_hashes(*WHOLE[name], tmp_path)) == 1
