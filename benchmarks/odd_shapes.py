"""A hundred odd shapes of matrix products and convolutions: each beside what the machine could do.

    python -m benchmarks.odd_shapes [part of a name ..] [--threads 2] [--rounds 3] [--save]

    share = max(operations / FMA peak, bytes / speed of a copy) / time

Shapes come from a fixed seed; a convolution is three computations: y, dx, dw. Bytes are those of
operands and result. The peak is measured beside each computation, again in each round; the best
of all rounds counts, of both. `--rounds 0` only compiles, for a run that is timed later.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from graphc import compiler
from graphc.backends.llvm_cpu.run.pool import Pool
from graphc.diff.reverse import vjp
from graphc.ir.dim import names_of
from graphc.ir.node import Tensor
from graphc.ops import leaf, matmul, movement, nn

from . import machine
from .kernels import Rates, rates
from .memory_bound import Bench, opened, seconds_of
from .record import RESULTS, markdown

SEED = 11
PRODUCTS, CONVOLUTIONS = 40, 60
LEAST_WORK, MOST_WORK = 1e8, 1e9
"""Operations: calls take from a fraction of a millisecond to a few."""
MOST_NUMBERS = 16 << 20
"""Of one array."""
NARROW = (1, 2, 3, 4, 6, 10, 15, 17)
WIDE = (20, 31, 32, 48, 50, 63, 64, 70, 96, 100, 130, 192, 200, 257, 320, 500, 777, 1000, 1500)
CHANNELS = (1, 2, 3, 3, 5, 8, 10, 16, 17, 24, 31, 32, 48, 50, 64, 64, 70, 96, 128, 130, 200, 256)


@dataclass(frozen=True)
class Work:
    """One computation: how to make it, the size of its batch, operations, numbers moved."""

    name: str
    make: Callable[[], tuple[Sequence[Tensor], Tensor]]
    batch: int
    operations: float
    numbers: int


@dataclass(frozen=True)
class Convolution:
    """A shape of convolution of `batch` images; taps, padding and the rest in both directions."""

    batch: int
    image: tuple[int, int]
    inputs: int
    outputs: int
    taps: tuple[int, int]
    stride: int
    dilation: int
    groups: int
    same: bool

    @property
    def pads(self) -> list[tuple[int, int]]:
        """Before and after the image."""
        around = [self.dilation * (t - 1) // 2 if self.same else 0 for t in self.taps]
        return [(n, n) for n in around]

    @property
    def result(self) -> tuple[int, ...]:
        """Height and width of the result."""
        return tuple(
            (s + sum(p) - self.dilation * (t - 1) - 1) // self.stride + 1
            for s, p, t in zip(self.image, self.pads, self.taps)
        )

    @property
    def kernel(self) -> tuple[int, ...]:
        """The shape of the weights."""
        return (*self.taps, self.inputs // self.groups, self.outputs)

    @property
    def operations(self) -> float:
        """Products and sums, those with padding too."""
        return 2.0 * self.batch * prod(self.result) * prod(self.kernel)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Numbers in images, weights and results."""
        images = self.batch * prod(self.image) * self.inputs
        return images, prod(self.kernel), self.batch * prod(self.result) * self.outputs

    def __str__(self) -> str:
        height, width = self.image
        words = [f"conv {self.taps[0]}x{self.taps[1]} {self.inputs}-{self.outputs}"]
        words += [f"{height}x{width} b{self.batch}"]
        marks = (("stride", self.stride), ("dilation", self.dilation), ("groups", self.groups))
        words += [f"{word} {value}" for word, value in marks if value > 1]
        return " ".join([*words, "padded"] if self.same else words)

    def work(self) -> Iterator[Work]:
        """The convolution and both of its gradients."""
        for form in ("y", "dx", "dw"):
            name = f"{self} {form}"
            yield Work(
                name, lambda f=form: self.made(f), self.batch, self.operations, sum(self.sizes)
            )

    def made(self, form: str) -> tuple[Sequence[Tensor], Tensor]:
        """Inputs and result of one of the three computations."""
        x = leaf.placeholder(("batch", *self.image, self.inputs), name="x")
        w = leaf.placeholder(self.kernel, name="w")
        y = nn.conv2d(x, w, self.stride, self.pads, dilation_rate=self.dilation, groups=self.groups)
        if form == "y":
            return [x, w], y
        dy = leaf.placeholder(y.shape, name="dy")
        by, other = (x, w) if form == "dx" else (w, x)
        (found,) = vjp([y], [by], [dy])
        return [other, dy], found


def product_of(form: str, batch: int, m: int, k: int, n: int, known: bool) -> Work:
    """y[m, n] = sum a[m, k] b[k, n], one letter of `form` per operand, t for transposed."""
    words = [f"{batch} of" if batch > 1 else "", f"matmul {form} {m}x{k}x{n}"]
    words += ["" if known else "symbolic"]

    def made() -> tuple[Sequence[Tensor], Tensor]:
        rows = m if known else "batch"
        left, right = (
            ((k, rows) if form[0] == "t" else (rows, k)),
            ((n, k) if form[1] == "t" else (k, n)),
        )
        around = (batch,) if batch > 1 else ()
        a = leaf.placeholder((*around, *left), name="a")
        b = leaf.placeholder((*around, *right), name="b")
        turned = [
            movement.swapaxes(t, -1, -2) if letter == "t" else t for t, letter in zip((a, b), form)
        ]
        return [a, b], matmul.matmul(*turned)

    numbers = batch * (m * k + k * n + m * n)
    return Work(" ".join(filter(None, words)), made, m, 2.0 * batch * m * k * n, numbers)


# ---------------------------------------------------------------------------- which


def works() -> Iterator[Work]:
    """All computations, always the same."""
    random = np.random.default_rng(SEED)
    for _ in range(PRODUCTS):
        yield _product(random)
    for _ in range(CONVOLUTIONS):
        yield from _convolution(random).work()


def _product(random: np.random.Generator) -> Work:
    while True:
        m, k, n = (int(random.choice(WIDE)) for _ in range(3))
        if random.random() < 0.3:
            k, n = (
                (int(random.choice(NARROW)), n)
                if random.random() < 0.5
                else (k, int(random.choice(NARROW)))
            )
        form = str(random.choice(["nn", "nt", "tn", "tt"]))
        batch = int(random.choice([1, 1, 1, 8, 12, 50]))
        m *= int(random.choice([1, 1, 7, 32]))
        known = bool(random.random() < 0.5)
        made = product_of(form, batch, m, k, n, known)
        if LEAST_WORK / 4 <= made.operations <= MOST_WORK and made.numbers <= MOST_NUMBERS:
            return made


def _convolution(random: np.random.Generator) -> Convolution:
    def pick(*values: int) -> int:
        return int(random.choice(values))

    while True:
        groups = pick(1, 1, 1, 1, 2, 4, 8, 32)
        inputs, outputs = groups * pick(*CHANNELS), groups * pick(*CHANNELS)
        square = pick(1, 1, 3, 3, 3, 5, 7)
        taps = (square, square) if pick(0, 0, 0, 1) == 0 else (pick(1, 3), pick(1, 5, 7))
        made = Convolution(
            batch=pick(1, 1, 2, 5, 8, 16, 64), image=(pick(*range(5, 61)), pick(*range(5, 61))),
            inputs=inputs, outputs=outputs, taps=taps, stride=pick(1, 1, 1, 2, 3),
            dilation=pick(1, 1, 1, 2), groups=groups, same=bool(pick(0, 1)),
        )  # fmt: skip
        if min(made.result) < 1 or max(made.sizes) > MOST_NUMBERS:
            continue
        # What moves much and computes little is as large in time.
        weight = max(made.operations, 20 * sum(made.sizes))
        if LEAST_WORK <= weight <= MOST_WORK and made.operations <= MOST_WORK:
            return made


# ---------------------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Measured:
    """The best of some rounds: the time, and the peak of the machine beside it."""

    work: Work
    seconds: float
    rate: Rates

    @property
    def bound(self) -> float:
        """The shortest time for so much work."""
        return self.rate.bound(self.work.operations, 4.0 * self.work.numbers)

    @property
    def is_memory(self) -> bool:
        """Whether bytes are its bound, not operations."""
        return self.rate.bound(0.0, 4.0 * self.work.numbers) == self.bound

    @property
    def share(self) -> float:
        """Of what the machine could do."""
        return self.bound / self.seconds

    def better(self, other: Measured) -> Measured:
        """The best of both."""
        rate = max(self.rate, other.rate, key=lambda r: r.peak)
        return Measured(self.work, min(self.seconds, other.seconds), rate)


def runner(work: Work, pool: Pool) -> Callable[[], None]:
    """A call of all kernels of a computation."""
    inputs, output = work.make()
    executable = opened(compiler.function(inputs, output))
    named = {n for s in executable.plan.storages for d in s.shape for n in names_of(d)}
    bench = Bench(executable, pool, dict.fromkeys(named, work.batch))
    calls = [
        bench.call(executable.native[s]) for s in executable.plan.steps if s in executable.native
    ]

    def run(_keep: Bench = bench) -> None:
        for call in calls:
            call()

    return run


def measured(
    work: Work, run: Callable[[], None], pool: Pool, rate: Rates, seconds: float
) -> Measured:
    """One round."""
    before = machine.fma_peak(pool, 0.002)
    (best,) = seconds_of([run], seconds)
    peak = max(before, machine.fma_peak(pool, 0.002))
    return Measured(work, best, Rates(peak, rate.copies))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.odd_shapes", description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.02)
    parser.add_argument("--save", action="store_true", help="write it into benchmarks/results")
    given = parser.parse_args()
    chosen = [w for w in works() if not given.names or any(x in w.name for x in given.names)]
    with Pool(given.threads) as pool:
        runs = [(w, runner(w, pool)) for w in chosen]
        best: dict[str, Measured] = {}
        rate = rates(pool)
        for _ in range(given.rounds):
            for w, run in runs:
                now = measured(w, run, pool, rate, given.seconds)
                best[w.name] = now.better(best.get(w.name, now))
    text = page(sorted(best.values(), key=lambda m: m.share), given.threads)
    print(text)
    if given.save:
        (RESULTS / f"{machine.short_name()}-odd-shapes-{given.threads}-threads.md").write_text(
            f"{text}\n"
        )


def page(rows: Sequence[Measured], threads: int) -> str:
    """How many are above which share, and all of them, the worst first."""
    limits = (0.3, 0.5, 0.7, 0.85)
    above = ", ".join(f"{sum(m.share >= x for m in rows)} above {x}" for x in limits)
    head = ["computation", "ms", "GFLOP/s", "bound by", "of bound"]
    lines = [
        [
            m.work.name, f"{1e3 * m.seconds:.3f}", f"{m.work.operations / m.seconds / 1e9:.0f}",
            "memory" if m.is_memory else "products", f"{m.share:.2f}",
        ]
        for m in rows
    ]  # fmt: skip
    words = "one thread" if threads == 1 else f"{threads} threads"
    title = f"# Odd shapes, {words}\n\n{machine.described()}\n\n{len(rows)} computations"
    return f"{title}: {above}.\n\n{markdown([head, *lines])}"


if __name__ == "__main__":
    main()
