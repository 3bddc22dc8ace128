"""The cases in graphc: as graphs, as launches without a device, and as ways to time them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata
from typing import NamedTuple

import numpy as np

from benchmarks.networks import WORKLOADS
from benchmarks.workloads import training_graph
from graphc import dtypes
from graphc.backends.triton_gpu.bundle import plan_of
from graphc.backends.triton_gpu.kernels import forms_of, kernels_of
from graphc.backends.triton_gpu.launch import Launch
from graphc.backends.triton_gpu.run.cuda import CudaDevice, cuda_device
from graphc.backends.triton_gpu.run.driver import driver, in_words, value
from graphc.backends.triton_gpu.runner import Runner
from graphc.backends.triton_gpu.tuning import Tuner
from graphc.compiler import Function, function
from graphc.diff.reverse import vjp
from graphc.ir.node import Tensor
from graphc.knobs import current, settings
from graphc.ops import activation, leaf, nn, normalization
from graphc.ops.matmul import matmul

from .cases import Case, Convolution, Product, Rows, Training, arrays_of
from .way import Way, mean_size

COPIED = 1 << 30
"""Bytes that are copied to measure what memory can do."""


class Planned(NamedTuple):
    """A case without a device: how often something is launched, and what."""

    launches: int
    functions: frozenset[Launch]


def compiled(case: Case, target: str) -> Function:
    """A case as a function."""
    if isinstance(case, Training):
        w = WORKLOADS[case.workload]
        inputs, loss, updates = training_graph(w, compute=dtypes.as_dtype(case.dtype))
        return function(inputs, loss, updates=updates, fast_math=True, target=target)
    names = "xyrs"
    inputs = [
        leaf.placeholder(shape, case.dtype, name=name) for shape, name in zip(case.shapes, names)
    ]
    return function(inputs, result(case, inputs), fast_math=True, target=target)


def result(case: Product | Convolution | Rows, inputs: list[Tensor]) -> Tensor:
    """The tensor that a case computes."""
    if isinstance(case, Product):
        return matmul(*inputs)
    if isinstance(case, Rows):
        return ROWS[case.op](*inputs)
    x, kernel, dy = inputs
    pads = ((case.pad, case.pad),) * 2
    y = nn.conv2d(x, kernel, strides=case.stride, padding=pads)
    if case.direction == "forward":
        return y
    return vjp([y], [x if case.direction == "dgrad" else kernel], [dy])[0]


ROWS: Mapping[str, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]] = {
    "softmax": lambda x, y, r, s: nn.softmax(x),
    "layer norm": lambda x, y, r, s: normalization.layer_norm(x, r, s),
    "batch norm": lambda x, y, r, s: nn.batch_norm(x, r, s)[0],
    "gelu(x r + s) + y": lambda x, y, r, s: activation.gelu(x * r + s) + y,
}


def planned(case: Case) -> Planned:
    """What would be launched; nothing here needs a GPU."""
    made = compiled(case, "reference")
    forms = forms_of(plan_of(made.program))
    calls = [call for form in forms.values() for call in form.calls]
    return Planned(len(calls), frozenset(call.launch for call in calls))


class Graphc:
    """Functions on the first GPU."""

    def __init__(self) -> None:
        packages = ("graphc", "triton", "cuda-bindings", "numpy")
        self.versions = {p: metadata.version(p) for p in packages}

    @property
    def gpu(self) -> CudaDevice:
        """The device, opened when it is first needed."""
        return cuda_device()

    def device(self) -> dict[str, str]:
        """Its name, and the driver's version of CUDA."""
        version = value(driver().cuDriverGetVersion(), "the driver has no version")
        return {"name": self.gpu.name, "driver": f"CUDA {in_words(version)}"}

    def ways(self, case: Case) -> Mapping[str, Callable[[], Way]]:
        """One."""
        return {"graphc": lambda: self._way(case)}

    def _way(self, case: Case) -> Way:
        f, arrays = compiled(case, "triton_gpu"), arrays_of(case)
        if not isinstance(case, Training):
            kind = dtypes.as_dtype(case.dtype).numpy
            arrays = [a.astype(kind) for a in arrays]
        first = mean_size(f(*arrays))
        way = self._timed(f, arrays, first)
        if not current().tune_seconds:
            return way
        Tuner(self.gpu).compile(kernels_of(plan_of(f.program)))

        def ready() -> None:
            """Tiles are measured when nobody else uses the device, as the peers do it."""
            way.queue, way.whole = (lambda: None), None  # the memory of the first form is free
            with settings(tune=True):
                tuned = compiled(case, "triton_gpu")
            best = self._timed(tuned, arrays, mean_size(tuned(*arrays)))
            way.queue, way.whole = best.queue, best.whole

        way.ready = ready
        return way

    def _timed(self, f: Function, arrays: list[np.ndarray], first: float) -> Way:
        runner = f.executable
        assert isinstance(runner, Runner), "functions on this target are run by it"
        size = f.program.inputs[0].shape[0]
        sizes = {} if isinstance(size, int) else {str(size): len(arrays[0])}

        def queue() -> None:
            with runner.lock:
                runner.play(runner.own_seat(runner.prepare(sizes)))

        return Way(queue, lambda: first, lambda: mean_size(f(*arrays)), queue)

    def seconds(self, queue: Callable[[], object], count: int) -> float:
        """By the device's events."""

        def run() -> None:
            for _ in range(count):
                queue()

        return self.gpu.seconds(run)

    def copy_rate(self) -> float:
        """Bytes per second, read and written, of a copy on the device."""
        source, target = (self.gpu.allocate(COPIED) for _ in range(2))
        self.gpu.write(source.address, np.zeros(COPIED, np.uint8))

        def copy() -> None:
            self.gpu.copy(target.address, source.address, COPIED)

        copy()
        return 2 * COPIED * 10 / self.seconds(copy, 10)


def make(device: str) -> Graphc:
    """graphc has one way to find its device."""
    assert device == "cuda", "graphc is timed on a GPU"
    return Graphc()
