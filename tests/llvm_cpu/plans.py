"""Hand-written plans for the tests of the runtime: storages, elementwise kernels, loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graphc import dtypes
from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.dtypes import DType
from graphc.ir.dim import Size, named
from graphc.ir.literal import Literal
from graphc.kernels import build
from graphc.kernels.kernel import Axis, Buffer, Expr, Kernel
from graphc.schedule.plan import KernelStep, Place, Plan, Step, Storage

n, m = named("n"), named("m")
Value = Callable[..., Expr]


def memory(
    name: str, shape: Sequence[Size] = (), place: Place = "arena", index: int = -1,
    dtype: DType = dtypes.float32, value: np.ndarray | None = None,
) -> Storage:  # fmt: skip
    """A storage."""
    literal = None if value is None else Literal(value)
    return Storage(name, dtype, tuple(shape), place, index, literal)


def given(name: str, shape: Sequence[Size] = (), index: int = 0, dtype: DType = dtypes.float32):
    """A storage that the program gets."""
    return memory(name, shape, "input", index, dtype)


def result(name: str, shape: Sequence[Size] = (), index: int = 0, dtype: DType = dtypes.float32):
    """A storage that the program answers."""
    return memory(name, shape, "output", index, dtype)


def point(target: Storage, value: Value, *sources: Storage) -> KernelStep:
    """target[i..] = value(sources[i..]); scalars are broadcast."""
    axes = tuple(Axis(f"i{d}", size) for d, size in enumerate(target.shape))
    index = [a.name for a in axes]
    names = {s: f"in{i}" for i, s in enumerate(sources)}
    loads = [
        build.load(Buffer(names[s], s.dtype, s.shape), *(index if s.shape else ())) for s in sources
    ]
    out = Buffer("out", target.dtype, target.shape)
    store = build.store(out, index, value(*loads), index)
    bound = {names[s]: s for s in sources} | {"out": target}
    return KernelStep(Kernel("point", axes, (store,)), bound)


def total(target: Storage, source: Storage) -> KernelStep:
    """target = sum of a vector."""
    axis = Axis("i", source.shape[0])
    value = build.reduce("sum", build.load(Buffer("in0", source.dtype, source.shape), "i"), "i")
    store = build.store(Buffer("out", target.dtype, ()), (), value, ())
    return KernelStep(Kernel("total", (axis,), (store,)), {"in0": source, "out": target})


def plan(*steps: Step, storages: Sequence[Storage] = (), commit: int | None = None) -> Plan:
    """A plan; storages that only regions and loops name are given besides."""
    found = dict.fromkeys(storages)
    for step in steps:
        if isinstance(step, KernelStep):
            found |= dict.fromkeys(step.bound.values())
    return Plan("test", tuple(found), steps, len(steps) if commit is None else commit)


def run(p: Plan, *inputs: np.ndarray, **sizes: int) -> list[np.ndarray]:
    """Compile and run once."""
    return LLVMExecutable(p).run(inputs, sizes)


def plus(a: Expr, b: Expr | float) -> Expr:
    """a + b"""
    return build.op("add", a, b)


def times(a: Expr, b: Expr | float) -> Expr:
    """a * b"""
    return build.op("mul", a, b)
