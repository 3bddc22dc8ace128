"""What is timed on a GPU: matrix products, convolutions, training steps, what memory bounds.

Nothing here imports a framework. `CASES` is in the order of importance: when time is up, the last
ones are left out.
"""

from __future__ import annotations

from collections import Counter as Counts
from dataclasses import dataclass
from math import prod

import numpy as np

from benchmarks.count import Counter, Shape, flops
from benchmarks.networks import WORKLOADS, resnet50

DIRECTIONS = ("forward", "dgrad", "wgrad")
IMAGES = 64
"""The batch of single convolutions."""


@dataclass(frozen=True)
class Product:
    """a b, square, bfloat16 with sums in float32."""

    n: int
    group = "product"
    dtype = "bfloat16"
    whole = False

    @property
    def name(self) -> str:
        return f"matmul {self.n}"

    @property
    def flops(self) -> int:
        return 2 * self.n**3

    nbytes = 0

    @property
    def shapes(self) -> list[Shape]:
        """Of both factors."""
        return [(self.n, self.n)] * 2


@dataclass(frozen=True)
class Convolution:
    """One of ResNet-50's convolutions in bfloat16, or a gradient of it; `count` times in it."""

    shape: Shape
    filters: int
    size: int
    stride: int
    pad: int
    direction: str
    count: int
    group = "convolution"
    dtype = "bfloat16"
    whole = False
    nbytes = 0

    @property
    def name(self) -> str:
        batch, height, _, channels = self.shape
        words = f"{self.size}x{self.size}/{self.stride} {channels} to {self.filters}"
        return f"{self.direction} {words}, {batch} x {height}^2"

    @property
    def out(self) -> Shape:
        batch, *extents, _ = self.shape
        ends = [(n + 2 * self.pad - self.size) // self.stride + 1 for n in extents]
        return (batch, *ends, self.filters)

    @property
    def flops(self) -> int:
        return 2 * prod(self.out) * self.size**2 * self.shape[-1]

    @property
    def shapes(self) -> list[Shape]:
        """Of image, kernel, and the derivative by the result."""
        return [self.shape, (self.size, self.size, self.shape[-1], self.filters), self.out]


@dataclass(frozen=True)
class Training:
    """A training step: forward, backward, update. `mixed`: bfloat16 with weights in float32."""

    workload: str
    batch: int
    mixed: bool
    group = "training"
    whole = True
    nbytes = 0

    @property
    def dtype(self) -> str:
        return "bfloat16" if self.mixed else "float32"

    @property
    def name(self) -> str:
        return f"{WORKLOADS[self.workload].title}, batch {self.batch}, {self.dtype}"

    @property
    def flops(self) -> int:
        return flops(WORKLOADS[self.workload], self.batch, True)


@dataclass(frozen=True)
class Rows:
    """What memory bounds: one pass over x, or over x and y, and one result of their shape."""

    op: str
    shape: Shape
    dtype: str
    passes: int
    group = "rows"
    whole = False
    flops = 0

    @property
    def name(self) -> str:
        return f"{self.op}, {self.dtype}, {' x '.join(map(str, self.shape))}"

    @property
    def nbytes(self) -> int:
        """What must be read and written: each array as often as no chip can avoid."""
        return self.passes * prod(self.shape) * (2 if self.dtype == "bfloat16" else 4)

    @property
    def shapes(self) -> list[Shape]:
        """Of x, y, and two rows for the last axis."""
        return [self.shape, self.shape, self.shape[-1:], self.shape[-1:]]


Case = Product | Convolution | Training | Rows


def arrays_of(case: Case) -> list[np.ndarray]:
    """The same numbers for everybody, float32; of training: examples and labels."""
    if isinstance(case, Training):
        return list(WORKLOADS[case.workload].data(case.batch))
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, np.float32) for shape in case.shapes]


class Recorder(Counter):
    """Notes the convolutions of a network."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counts[tuple[Shape, int, int, int, int]] = Counts()

    def conv(
        self, x: Shape, filters: int, size: int, stride: int = 1, pad: int = 0, bias: bool = True
    ) -> Shape:
        self.found[x, filters, size, stride, pad] += 1
        return super().conv(x, filters, size, stride, pad, bias)


def convolutions() -> list[Convolution]:
    """Those of ResNet-50, and their gradients; of the first one that of the weights alone."""
    recorder = Recorder()
    resnet50(recorder, (IMAGES, 224, 224, 3))
    return [
        Convolution(*key, direction, count)
        for direction in DIRECTIONS
        for key, count in recorder.found.items()
        if key[0][-1] > 3 or direction != "dgrad"
    ]


def cases() -> dict[str, Case]:
    """All of them by name."""
    large = [Training(w, batch, True) for w in ("W5", "W6") for batch in (64, 256)]
    rows = [
        Rows("softmax", (16384, 8192), "float32", 2),
        Rows("softmax", (16384, 8192), "bfloat16", 2),
        Rows("layer norm", (16384, 8192), "bfloat16", 2),
        # The moments of the whole batch come first: x is read twice.
        Rows("batch norm", (256, 56, 56, 256), "bfloat16", 3),
        Rows("gelu(x r + s) + y", (16384, 8192), "float32", 3),
        Rows("gelu(x r + s) + y", (16384, 8192), "bfloat16", 3),
    ]
    found = [
        *(Product(n) for n in (1024, 2048, 4096, 8192)),
        large[0], Training("W2", 128, False), Training("W4", 128, False), *rows,
        *convolutions(), large[2], large[1], large[3],
    ]  # fmt: skip
    return {case.name: case for case in found}


CASES = cases()
