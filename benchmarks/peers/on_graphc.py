"""graphc as one of the frameworks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import metadata

import numpy as np

from benchmarks import workloads
from benchmarks.networks import Workload
from graphc.backends.llvm_cpu.run.pool import set_threads


class Graphc:
    """A call runs one compiled function."""

    def __init__(self) -> None:
        self.versions = {p: metadata.version(p) for p in ("graphc", "llvmlite", "numpy")}

    def training(self, w: Workload, x: np.ndarray, labels: np.ndarray) -> Callable[[], object]:
        step = workloads.training(w)
        return lambda: step(x, labels)

    def inference(self, w: Workload, x: np.ndarray) -> Callable[[], object]:
        f = workloads.inference(w)
        return lambda: f(x)


def make(variant: Sequence[str], threads: int) -> Graphc:  # noqa: ARG001
    set_threads(threads)
    return Graphc()
