"""Calls of micro-kernels: one internal function per number of rows, written when first called.

What is known at a call stays known inside; the rest are arguments. The loops around the calls are
`loops.py`, the functions themselves `micro.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from graphc.backends.llvm_cpu.ir.entry import open_place
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import I64, POINTER, Number
from graphc.backends.llvm_cpu.ir.writer import Condition
from graphc.backends.llvm_cpu.nest.place import Place
from graphc.kernels.kernel import Kernel

from .micro import Call, emit_micro
from .plan import Plan


@dataclass(slots=True)
class Micros:
    """The micro-kernels of one contraction; `scratch` is how many scratch buffers it has."""

    plan: Plan
    kernel: Kernel
    place: Place
    scratch: int
    names: dict[tuple[int, int, int | None], str] = field(default_factory=dict)

    def on_panel(self, panel: Number, rows: tuple[int, int], call: Call) -> None:
        """Call the micro-kernel on a panel: one that is whole has a function without masks, unless
        masks cost nothing."""
        whole, last = replace(call, left=self.plan.width), replace(call, left=self.left)
        self.place.f.if_else(
            self.is_whole(panel),
            lambda: self.call(rows, whole),
            lambda: self.call(rows, last),
            [],
        )

    @property
    def is_split(self) -> bool:
        """Whether whole panels have functions of their own."""
        plan = self.plan
        return plan.is_masked and plan.tile.along == "n" and not self.place.f.target.has_masks

    @property
    def left(self) -> int | None:
        """Columns of the last panel, if its functions know them."""
        size = self.plan.c.kernel.axis(self.plan.n).size
        if not isinstance(size, int) or not (self.is_split or size < self.plan.width):
            return None
        return size % self.plan.width

    def is_whole(self, panel: Number) -> Condition:
        """Whether a panel has all of its columns, and functions of its own."""
        size = self.plan.c.kernel.axis(self.plan.n).size
        if not self.is_split or (isinstance(size, int) and size < self.plan.width):
            return False
        many = self.place.f.div(self.place.size(size), self.plan.width)
        return self.place.f.compare("lt", panel, many)

    def call(self, rows: tuple[int, int], call: Call) -> list[Number]:
        """Call the micro-kernel for so many rows; answers nothing, as a branch."""
        inside, key = _Inside(call), (*rows, call.left)
        if key not in self.names:
            word = "tile" if call.left is None else f"of_{call.left}"
            self.names[key] = f"{self.kernel.name}_{word}_{rows[0]}x{rows[1]}"
            self.write(self.names[key], rows, inside)
        types = [t.split()[0] for t, _ in inside.arguments]
        values = ", ".join(f"{t} {v}" for t, v in zip(types, inside.values))
        self.place.f.do(f"call void @{self.names[key]}({values})")
        return []

    def write(self, name: str, rows: tuple[int, int], inside: _Inside) -> None:
        """Write the function."""
        f = Function(
            self.place.f.module,
            name,
            inside.arguments,
            linkage="internal",
            attributes="noinline",
        )
        place, _ = open_place(f, self.kernel, self.scratch)
        place.axes = self.place.axes
        emit_micro(self.plan, f, place, rows, inside.call)
        f.give_back()


class _Inside:
    """A call as the micro-kernel sees it: what is known stays known, the rest are arguments."""

    def __init__(self, call: Call) -> None:
        self.arguments: list[tuple[str, str]] = []
        self.values: list[Number] = []
        a = self.add(f"{POINTER} noalias", call.a, "a")
        self.add(POINTER, "%args", "args")
        self.call = Call(
            a=a,
            b=[self.add(POINTER, x, f"b{i}") for i, x in enumerate(call.b)],
            first=self.number(call.first, "first"),
            at={n: self.add(I64, v, f"at{i}") for i, (n, v) in enumerate(call.at.items())},
            extents={n: self.number(v, f"k{i}") for i, (n, v) in enumerate(call.extents.items())},
            waiting=self.add(POINTER, call.waiting, "waiting") if call.waiting else None,
            columns=[self.add(POINTER, x, f"columns{i}") for i, x in enumerate(call.columns)],
            left=call.left,
        )

    def add(self, type_: str, value: Number, name: str) -> str:
        self.arguments.append((type_, name))
        self.values.append(value)
        return f"%{name}"

    def number(self, value: Number, name: str) -> Number:
        return value if isinstance(value, int) else self.add(I64, value, name)
