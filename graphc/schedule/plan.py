"""The plan of a program: buffers, and the steps that fill them, in order. What a backend runs.

    plan  = storage*, step*
    step  = run a kernel | sort | accumulate along an axis | loop | branch | check | copy

A `Storage` is memory of a known dtype and (possibly symbolic) shape. Kernels see `Buffer`s by name;
a step binds each of these names to a storage, and several names may be views of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from graphc.dtypes import DType
from graphc.ir.dim import Shape, Size, product
from graphc.ir.literal import Literal as Array
from graphc.kernels.kernel import Kernel
from graphc.provenance import Source

Place = Literal["input", "variable", "constant", "output", "arena", "parameter", "result"]


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """Memory for one array. `index` counts within inputs, variables or outputs of the program.

    In the plan of a region `parameter` storages are given by the loop or branch around it and
    `result` storages are read by it after each run; both count in the order of the region.
    """

    name: str
    dtype: DType
    shape: Shape
    place: Place
    index: int = -1
    value: Array | None = None

    @property
    def nbytes(self) -> Size:
        """Bytes of the array."""
        return product(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True, eq=False)
class KernelStep:
    """Run a kernel. `bound` maps the names of its buffers to storages, `nodes` are the labels of
    the graph's nodes that it computes: the parts of one fused kernel have the same. Steps that do
    the same share one kernel, so a step has a `name` of its own."""

    kernel: Kernel
    bound: dict[str, Storage]
    sources: tuple[Source, ...] = ()
    because: str = ""
    nodes: tuple[str, ...] = ()
    name: str = ""
    lasting: frozenset[str] = frozenset()
    """Names of buffers that hold between calls."""


@dataclass(frozen=True, slots=True, eq=False)
class SortStep:
    """values, indices = sort(x) along an axis, stable; NaN last, first when descending."""

    x: Storage
    values: Storage
    indices: Storage
    axis: int
    descending: bool


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeStep:
    """y = running sum, prod, max or min of x along an axis."""

    kind: Literal["sum", "prod", "max", "min"]
    x: Storage
    y: Storage
    axis: int
    reverse: bool
    exclusive: bool


@dataclass(frozen=True, slots=True, eq=False)
class ScanStep:
    """For t in 0 .. length - 1 (backwards if reverse) run the body.

    Its parameters are the carries (first `init`, then the body's results), row t of each of `xs`,
    and the captured storages; its results are the carries and row t of each of `ys`. After the last
    turn the carries are in `final` (`init` itself if length is 0).

    `before` and `after` are pairs (number of a carry, storage): row t of the storage is the carry
    before or after turn t, which costs no copy.
    """

    body: Plan
    length: Size
    reverse: bool
    init: tuple[Storage, ...]
    xs: tuple[Storage, ...]
    captured: tuple[Storage, ...]
    final: tuple[Storage, ...]
    ys: tuple[Storage, ...]
    before: tuple[tuple[int, Storage], ...] = ()
    after: tuple[tuple[int, Storage], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class WhileStep:
    """As long as the condition's bool result is true on the carries, run the body on them."""

    condition: Plan
    body: Plan
    init: tuple[Storage, ...]
    captured: tuple[Storage, ...]
    final: tuple[Storage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CondStep:
    """Run one of two plans by the value of a bool scalar; its results go to `results`."""

    predicate: Storage
    then_body: Plan
    else_body: Plan
    captured: tuple[Storage, ...]
    results: tuple[Storage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CheckStep:
    """Stop the call with an error if the int32 scalar `flag` is not 0."""

    flag: Storage
    problem: str
    source: Source


@dataclass(frozen=True, slots=True, eq=False)
class CopyStep:
    """Copy all bytes: a new value of a variable that could not be written in place."""

    source: Storage
    target: Storage


Step: TypeAlias = (
    KernelStep | SortStep | CumulativeStep | ScanStep | WhileStep | CondStep | CheckStep | CopyStep
)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Storages (every one that a step names) and steps in the order in which they run.

    `commit` is the number of steps that run before the first one that changes a variable: a call
    that is stopped earlier has changed nothing. The first `kept` steps depend on variables alone
    that the plan does not change: once they have run, what they wrote holds until one of these
    variables changes. `lasting` is all that holds so long: these variables, constants, and what the
    kept steps write. `disabled` are the passes of the schedule that are switched off.
    """

    name: str
    storages: tuple[Storage, ...]
    steps: tuple[Step, ...]
    commit: int = 0
    decisions: tuple[str, ...] = field(default=())
    disabled: frozenset[str] = frozenset()
    kept: int = 0
    lasting: frozenset[Storage] = frozenset()
