"""`make bench`: how long the first and the later steps of training take, per network."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graphc.frontend import demo
from graphc.frontend.layers import Dense, Dropout, Input
from graphc.frontend.models import Sequential


@dataclass(frozen=True)
class Case:
    """A network and the form of its data."""

    name: str
    build: Callable[[str | None], Sequential]
    shape: tuple[int, ...]
    batch: int


def mlp(target: str | None) -> Sequential:
    model = Sequential([Input((784,))])
    for _ in range(2):
        model.add(Dense(256, activation="relu"))
        model.add(Dropout(0.4))
    model.add(Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"], target=target)
    return model


CASES = (
    Case("cnn 53,578, batch 64", lambda target: demo.network(target, seed=1), (28, 28, 1), 64),
    Case("mlp 269,322, batch 32", mlp, (784,), 32),
    Case("mlp 269,322, batch 256", mlp, (784,), 256),
)


def measure(case: Case, target: str | None, repeats: int) -> tuple[float, float]:
    """Seconds of the first step, which compiles, and the median of later ones."""
    random = np.random.default_rng(0)
    x = random.random((case.batch, *case.shape), np.float32)
    y = random.integers(0, 10, case.batch, np.int32)
    model = case.build(target)
    seconds: list[float] = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        model.train_on_batch(x, y)
        seconds.append(time.perf_counter() - start)
    return seconds[0], statistics.median(seconds[1:])


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--target", help="the backend")
    parser.add_argument("--repeats", type=int, default=30)
    given = parser.parse_args()
    print(f"{'training step':<26}{'first, s':>10}{'later, ms':>12}{'images/s':>12}")
    for case in CASES:
        first, later = measure(case, given.target, given.repeats)
        print(f"{case.name:<26}{first:>10.2f}{later * 1e3:>12.2f}{case.batch / later:>12,.0f}")


if __name__ == "__main__":
    main()
