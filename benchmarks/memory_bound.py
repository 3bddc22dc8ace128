"""Speed of kernels that are bound by memory: GB/s, and the share of a copy of as many bytes.

    python -m benchmarks.memory_bound [part of a name ..] [--threads 2] [--seconds 0.1]
One line per kernel of each case. Bytes are what a kernel must move: every array that it names once.
A copy of as many bytes is timed beside it, so both find the machine, and its caches, the same.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np

from graphc import compiler
from graphc.backends.llvm_cpu.kernels import Native
from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.backends.llvm_cpu.run.pool import Pool
from graphc.backends.llvm_cpu.run.restored import Restored
from graphc.backends.llvm_cpu.run.words import Share, Sizes
from graphc.diff.reverse import grad
from graphc.frontend import losses
from graphc.ir.dim import names_of
from graphc.ir.node import Tensor
from graphc.ops import elementwise, leaf, nn, reduce
from graphc.schedule.plan import KernelStep, Plan, Storage
from graphc.schedule.touch import reads, writes

COPIED = 1024
"""Numbers of a row of what is copied."""
LEAST_SHARE = 0.05
"""Kernels that take less of a case than this are not shown."""


@dataclass(frozen=True)
class Case:
    """What is compiled: inputs with their data, and results."""

    inputs: Sequence[Tensor]
    data: Sequence[np.ndarray]
    outputs: Sequence[Tensor]


def array(*shape: int, dtype: str = "float32") -> np.ndarray:
    """The same numbers every time."""
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def over(
    function: Callable[[Tensor], Tensor], shape: tuple[int, ...], backward: bool = False,
    dtype: str = "float32",
) -> Case:  # fmt: skip
    """f(x), for any batch size; or the gradient of a weighted sum of it, and f(x)."""
    data = abs(array(*shape, dtype=dtype))
    x = leaf.placeholder((None, *data.shape[1:]), str(data.dtype), name="x")
    y = function(x)
    if not backward:
        return Case([x], [data], [y])
    ct = leaf.placeholder(y.shape, str(data.dtype), name="ct")
    sizes = [data.shape[0], *y.shape[1:]]
    (dx,) = grad(reduce.sum(y * ct), [x])
    return Case([x, ct], [data, array(*map(int, sizes), dtype=str(data.dtype))], [y, dx])


def pool(kind: str, size: int, stride: int, pad: int) -> Callable[[Tensor], Tensor]:
    """Max or mean of windows."""
    function = {"max": nn.max_pool, "avg": nn.avg_pool}[kind]
    return lambda x: function(x, size, stride, ((pad, pad), (pad, pad)))


def depthwise(image: tuple[int, ...], times: int, stride: int) -> Case:
    """3x3, each channel on its own, and both gradients."""
    data = array(*image)
    channels = data.shape[-1]
    x = leaf.placeholder((None, *data.shape[1:]), name="x")
    w = leaf.placeholder((3, 3, 1, channels * times), name="w")
    y = nn.conv2d(x, w, strides=stride, padding=((1, 1), (1, 1)), groups=channels)
    ct = leaf.placeholder(y.shape, name="ct")
    dx, dw = grad(reduce.sum(y * ct), [x, w])
    shape = (data.shape[0], *map(int, y.shape[1:]))
    return Case(
        [x, w, ct], [data, array(3, 3, 1, channels * times), array(*shape)], [y, dx, dw]
    )  # fmt: skip


def cross_entropy(rows: int, classes: int) -> Case:
    """Softmax cross-entropy with its gradient."""
    x = leaf.placeholder((None, classes), name="x")
    labels = leaf.placeholder((None,), "int32", name="labels")
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)(labels, x)
    data = [array(rows, classes), np.arange(rows, dtype=np.int32) % classes]
    return Case([x, labels], data, [loss, *grad(loss, [x])])


def chain(x: Tensor) -> Tensor:
    """Thirty operations."""
    y = x
    for i in range(10):
        y = elementwise.maximum(y * 0.5 + x, float(i)) - 1.0
    return y


def statistics(shape: tuple[int, ...]) -> Case:
    """The moments of batch normalization."""
    data = array(*shape)
    x = leaf.placeholder((None, *data.shape[1:]), name="x")
    return Case([x], [data], list(nn.moments(x, (0, 1, 2))))


IMAGES = {
    "8x28x28x64": (8, 28, 28, 64), "128x26x26x64": (128, 26, 26, 64),
    "8x112x112x64": (8, 112, 112, 64), "8x28x28x256": (8, 28, 28, 256),
}  # fmt: skip
"""Some fit into caches, some do not."""
ROWS = ((64, 1000), (4096, 1000), (32768, 1000))

# fmt: off
OVER_ROWS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax":        nn.softmax,
    "log_softmax":    nn.log_softmax,
    "chain":          chain,
    "gelu":           nn.gelu,
    "layer norm":     nn.layer_norm,
    "sum of rows":    lambda x: reduce.sum(x, 1),
    "sum of columns": lambda x: reduce.sum(x, 0),
    "sum of all":     reduce.sum,
}
MATH: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": elementwise.exp, "expm1": elementwise.expm1, "log": elementwise.log,
    "log1p": elementwise.log1p, "tanh": elementwise.tanh, "sigmoid": elementwise.sigmoid,
    "erf": elementwise.erf, "sin": elementwise.sin, "cos": elementwise.cos,
}
# fmt: on
Cases = dict[str, Callable[[], Case]]


def pools() -> Cases:
    """Pools of images, and with their gradients."""
    found: Cases = {}
    for (name, shape), kind in product(IMAGES.items(), ("max", "avg")):
        for size, stride, pad in ((2, 2, 0), (3, 2, 1), (3, 1, 1)):
            title = f"{kind} pool {size}x{size}/{stride} {name}"
            f = pool(kind, size, stride, pad)
            found[title] = partial(over, f, shape)
            found[f"{title} train"] = partial(over, f, shape, True)
    return found


def convolutions() -> Cases:
    """Depthwise convolutions with stride and channel multiplier."""
    return {
        f"depthwise 3x3/{stride} x{times} {name}": partial(depthwise, shape, times, stride)
        for name, shape in IMAGES.items()
        for times, stride in ((1, 1), (1, 2), (2, 1))
    }


def rows() -> Cases:
    """Functions of rows of a matrix, and what batch normalization needs."""
    found: Cases = {}
    for shape in ROWS:
        name = f"{shape[0]}x{shape[1]}"
        found |= {f"{title} {name}": partial(over, f, shape) for title, f in OVER_ROWS.items()}
        for title in ("softmax", "layer norm", "gelu"):
            found[f"{title} train {name}"] = partial(over, OVER_ROWS[title], shape, True)
        found[f"cross-entropy {name}"] = partial(cross_entropy, *shape)
    return found | {f"batch moments {n}": partial(statistics, s) for n, s in IMAGES.items()}


def functions() -> Cases:
    """Functions of one number, at both precisions."""
    return {
        f"{name} {dtype} {size}": partial(over, f, (size, 1024), dtype=dtype)
        for (name, f), dtype, size in product(MATH.items(), ("float32", "float64"), (64, 1024))
    }


def cases() -> Cases:
    """name -> how to make it."""
    return pools() | convolutions() | rows() | functions()


# ---------------------------------------------------------------------------- measuring


class Bench:
    """The kernels of a compiled plan, each of which can be run alone on arrays of its own."""

    def __init__(self, executable: LLVMExecutable, crew: Pool, sizes: Mapping[str, int]) -> None:
        self.executable, self.crew, self.sizes = executable, crew, Sizes(sizes)
        self.arrays: dict[Storage, np.ndarray] = {}
        self.keep: list[np.ndarray] = []

    def array(self, s: Storage) -> np.ndarray:
        """The memory of a storage, on a cache line."""
        if s not in self.arrays:
            nbytes = max(1, self.sizes.value(s.nbytes))
            raw = np.zeros(nbytes + 64, np.uint8)
            start = -raw.ctypes.data % 64
            self.arrays[s] = raw[start : start + nbytes]
            if s.value is not None:
                flat = np.ascontiguousarray(s.value.array).reshape(-1)
                self.arrays[s][: flat.nbytes] = flat.view(np.uint8)
        return self.arrays[s]

    def call(self, native: Native) -> Callable[[], None]:
        """Runs all phases of a step once."""
        form = native.form
        held = [self.array(s).ctypes.data for s in form.pointers]
        held += [self.sizes.value(n) for n in form.numbers]
        cells = np.array([*held, 0], np.int64)
        pointers = cells.ctypes.data + 8 * np.arange(len(cells), dtype=np.int64)
        self.keep += [cells, pointers]
        work = [
            (
                address,
                pointers.ctypes.data,
                self.sizes.word(Share(items, form.work, "chunks", form.most_chunks)),
            )
            for address, items in native.phases
        ]

        def run() -> None:
            for one in work:
                self.crew.run(*one)

        return run

    def moved(self, step: KernelStep) -> int:
        """Bytes of all arrays that a kernel names."""
        return sum(self.sizes.value(s.nbytes) for s in (*reads(step), *writes(step)))


def seconds_of(calls: Sequence[Callable[[], None]], seconds: float) -> list[float]:
    """The best time of each call; the calls take turns."""
    best = [float("inf")] * len(calls)
    for call in calls:
        call()
    end = time.perf_counter() + seconds * len(calls)
    while time.perf_counter() < end:
        for i, call in enumerate(calls):
            begin = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - begin)
    return best


def opened(function: compiler.Function) -> LLVMExecutable:
    """The compiled function, which may come from the cache."""
    executable = function.executable
    if isinstance(executable, Restored):
        executable = executable.whole
    assert isinstance(executable, LLVMExecutable), "kernels are those of the CPU backend"
    return executable


def copying(crew: Pool) -> Callable[[int], Callable[[], None]]:
    """Makes a call that moves so many bytes: half are read, half are written."""
    x = leaf.placeholder((None, COPIED), name="x")
    executable = opened(compiler.function(x, elementwise.neg(x)))
    (step,) = executable.plan.steps
    (size,) = {n for s in executable.plan.storages for d in s.shape for n in names_of(d)}

    def made(nbytes: int) -> Callable[[], None]:
        bench = Bench(executable, crew, {size: max(1, nbytes // (8 * COPIED))})
        call = bench.call(executable.native[step])
        return lambda _keep=bench: call()

    return made


def steps_of(plan: Plan) -> Iterator[KernelStep]:
    """The kernels of a plan."""
    return (step for step in plan.steps if isinstance(step, KernelStep))


def lines(case: Case, crew: Pool, seconds: float) -> Iterator[str]:
    """One line per kernel."""
    copy = copying(crew)
    executable = opened(compiler.function(case.inputs, list(case.outputs), fast_math=True))
    named = {n for s in executable.plan.storages for d in s.shape for n in names_of(d)}
    bench = Bench(executable, crew, dict.fromkeys(named, case.data[0].shape[0]))
    for s in executable.plan.storages:
        if s.place == "input":
            flat = np.ascontiguousarray(case.data[s.index]).reshape(-1)
            bench.array(s)[: flat.nbytes] = flat.view(np.uint8)
    steps = list(steps_of(executable.plan))
    calls = [bench.call(executable.native[step]) for step in steps]
    copies = [copy(bench.moved(step)) for step in steps]
    found = seconds_of([*calls, *copies], seconds)
    total = sum(found[: len(steps)])
    for step, mine, best in zip(steps, found, found[len(steps) :]):
        if mine >= LEAST_SHARE * total:
            nbytes = bench.moved(step)
            yield (
                f"{step.name:20} {mine * 1e3:8.3f} ms {nbytes / 1e6:8.1f} MB"
                f" {nbytes / mine / 1e9:7.1f} GB/s  copy {nbytes / best / 1e9:6.1f}"
                f"  {best / mine:5.0%}"
            )


def main() -> None:
    """Print the lines of all cases whose name has one of the words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.1)
    options = parser.parse_args()
    crew = Pool(options.threads)
    for name, make in cases().items():
        if options.names and not any(x in name for x in options.names):
            continue
        for line in lines(make(), crew, options.seconds):
            print(f"{name:36} {line}", flush=True)


if __name__ == "__main__":
    main()
