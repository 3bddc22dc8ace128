"""Writes LLVM IR as text: the builder of one function in a `module.Module`.

Integers known while building are Python ints and fold; SSA values are strings. Every method that
computes returns its result and says its type; nothing is remembered but the lines written.
Arithmetic is in `writer.py`, elements by dtype in `access.py`, types and constants in `types.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

from graphc.backends.llvm_cpu.host import Target

from .module import Module
from .types import (
    I1,
    I32,
    I64,
    POINTER,
    VOID,
    Number,
    bytes_of,
    element_of,
    lanes_of,
    like,
    mangled,
    vector,
)
from .writer import AbstractWriter, Condition, Typed


@final
class Function(AbstractWriter):
    """Builds one function, statement by statement, from its entry block on.

    `arguments` are (type with attributes, name without %); argument values are `%name`. Names given
    as hints are made unique, so any hint is fine.
    """

    def __init__(
        self,
        module: Module,
        name: str,
        arguments: Sequence[tuple[str, str]] = (),
        *,
        result: str = VOID,
        linkage: str = "",
        attributes: str = "",
    ) -> None:
        assert not any("." in n for _, n in arguments), "dots belong to the builder's own names"
        self.module = module
        self.name = name
        self.arguments = tuple(arguments)
        self.result = result
        self._head = " ".join(["define", *linkage.split(), result])
        self._tail = " ".join([*attributes.split(), "#0"])
        self._lines: list[str] = []
        self._allocas: list[str] = []
        self._count = 0
        self._current = "entry"
        module.functions.append(self)

    @property
    def target(self) -> Target:
        """The machine the code is for."""
        return self.module.target

    def text(self) -> str:
        """The function as LLVM IR."""
        arguments = ", ".join(f"{t} %{n}" for t, n in self.arguments)
        lines = ["entry:", *self._allocas, *self._lines]
        opening = f"{self._head} @{self.name}({arguments}) {self._tail} {{"
        return "\n".join([opening, *lines, "}", ""])

    def unique(self, hint: str) -> str:
        """A fresh name that begins with `hint`, without %."""
        self._count += 1
        return f"{hint}.{self._count}"

    def emit(self, instruction: str, hint: str = "v") -> str:
        """Write an instruction that has a result; answers its name."""
        name = f"%{self.unique(hint)}"
        self._lines.append(f"  {name} = {instruction}")
        return name

    def do(self, instruction: str) -> None:
        """Write an instruction without a result."""
        self._lines.append(f"  {instruction}")

    def note(self, comment: str) -> None:
        """Write a comment line."""
        self._lines.append(f"  ; {comment}")

    # ---- vectors

    def splat(self, type_: str, scalar: Number) -> str:
        """All lanes of the vector type equal to one scalar value."""
        lanes, element = lanes_of(type_), element_of(type_)
        first = self.emit(f"insertelement {type_} poison, {element} {scalar}, i64 0", "splat")
        return first if lanes == 1 else self.shuffle(type_, first, "poison", [0] * lanes)

    def lane(self, type_: str, value: str, index: Number) -> str:
        """One lane of a vector as a scalar."""
        return self.emit(f"extractelement {type_} {value}, i64 {index}", "lane")

    def insert(self, type_: str, value: str, scalar: Number, index: Number) -> str:
        """The vector with one lane replaced."""
        return self.emit(
            f"insertelement {type_} {value}, {element_of(type_)} {scalar}, i64 {index}", "insert"
        )

    def shuffle(self, type_: str, a: str, b: str, order: Sequence[int]) -> str:
        """Lane i is lane order[i] of a and b laid end to end; the result has len(order) lanes."""
        lanes = ", ".join(f"i32 {i}" for i in order)
        return self.emit(
            f"shufflevector {type_} {a}, {type_} {b}, <{len(order)} x i32> <{lanes}>", "shuffle"
        )

    def across(self, type_: str, value: str, combine: Callable[[str, str], str]) -> str:
        """All lanes combined in a fixed tree (halves first), the result in every lane."""
        lanes = lanes_of(type_)
        distance = lanes // 2
        while distance:
            order = [(i + distance) % lanes for i in range(lanes)]
            value = combine(value, self.shuffle(type_, value, "poison", order))
            distance //= 2
        return value

    # ---- memory; alignment is that of one element unless said otherwise

    def alloca(self, element: str, count: int, align: int = 64, hint: str = "scratch") -> str:
        """Memory of the whole function call, reserved once in the entry block."""
        name = f"%{self.unique(hint)}"
        self._allocas.append(f"  {name} = alloca [{count} x {element}], align {align}")
        return name

    def gep(self, element: str, pointer: str, index: Number) -> str:
        """The address of `pointer[index]` for elements of this type."""
        if index == 0:
            return pointer
        return self.emit(f"getelementptr {element}, ptr {pointer}, i64 {index}", "at")

    def load(self, type_: str, pointer: str, align: int = 0) -> str:
        """Read one scalar or vector."""
        return self.emit(f"load {type_}, ptr {pointer}, align {align or _align(type_)}", "load")

    def store(
        self, type_: str, value: Number, pointer: str, align: int = 0, streaming: bool = False
    ) -> None:
        """Write one scalar or vector; a streaming store (aligned vectors) passes by the caches."""
        end = ", !nontemporal !0" if streaming else ""
        self.do(f"store {type_} {value}, ptr {pointer}, align {align or _align(type_)}{end}")

    def prefetch(self, pointer: str, level: int = 1) -> None:
        """Begin to bring a cache line into a level of cache; the address need not exist."""
        arguments = [(POINTER, pointer), (I32, 0), (I32, 4 - level), (I32, 1)]
        self.call(VOID, "llvm.prefetch.p0", arguments)

    def masked_load(self, type_: str, pointer: str, mask: str, other: str) -> str:
        """Read the lanes whose mask is on; the others come from `other` and touch no memory."""
        name = f"llvm.masked.load.{mangled(type_)}.p0"
        mask_type = like(type_, I1)
        arguments = [(POINTER, pointer), (I32, _align(type_)), (mask_type, mask), (type_, other)]
        return self.call(type_, name, arguments, "load")

    def masked_store(self, type_: str, value: str, pointer: str, mask: str) -> None:
        """Write the lanes whose mask is on."""
        name = f"llvm.masked.store.{mangled(type_)}.p0"
        mask_type = like(type_, I1)
        arguments = [(type_, value), (POINTER, pointer), (I32, _align(type_)), (mask_type, mask)]
        self.call(VOID, name, arguments)

    def lane_pointers(self, element: str, pointer: str, offsets_type: str, offsets: str) -> str:
        """One address per lane: `pointer[offset]`; offsets are vectors of i32 or i64."""
        return self.emit(
            f"getelementptr {element}, ptr {pointer}, {offsets_type} {offsets}", "pointers"
        )

    def gather(self, type_: str, pointers: str, mask: str, other: str) -> str:
        """Read each lane from its own address where the mask is on."""
        lanes = lanes_of(type_)
        name = f"llvm.masked.gather.{mangled(type_)}.v{lanes}p0"
        arguments = [(vector(POINTER, lanes), pointers), (I32, _align(type_))]
        arguments += [(like(type_, I1), mask), (type_, other)]
        return self.call(type_, name, arguments, "gather")

    def scatter(self, type_: str, value: str, pointers: str, mask: str) -> None:
        """Write each lane to its own address where the mask is on, in the order of the lanes."""
        lanes = lanes_of(type_)
        name = f"llvm.masked.scatter.{mangled(type_)}.v{lanes}p0"
        arguments = [(type_, value), (vector(POINTER, lanes), pointers), (I32, _align(type_))]
        self.call(VOID, name, [*arguments, (like(type_, I1), mask)])

    # ---- control

    def block(self, hint: str) -> str:
        """A fresh block name; `begin` places it."""
        return self.unique(hint)

    def begin(self, block: str) -> None:
        """What follows is written into this block."""
        self._lines.append(f"{block}:")
        self._current = block

    @property
    def current(self) -> str:
        """The block being written (the predecessor that a phi must name)."""
        return self._current

    def branch(self, block: str) -> None:
        """Go to a block."""
        self.do(f"br label %{block}")

    def branch_if(self, condition: str, then: str, otherwise: str) -> None:
        """Go to one of two blocks."""
        self.do(f"br i1 {condition}, label %{then}, label %{otherwise}")

    def phi(self, type_: str, *incoming: tuple[Number, str], hint: str = "phi") -> str:
        """The value that belongs to the block control came from: (value, block) pairs."""
        pairs = ", ".join(f"[ {value}, %{block} ]" for value, block in incoming)
        return self.emit(f"phi {type_} {pairs}", hint)

    def give_back(self, value: Number | None = None) -> None:
        """Return from the function."""
        self.do("ret void" if value is None else f"ret {self.result} {value}")

    def loop(
        self,
        low: Number,
        high: Number,
        step: Number,
        body: Callable[[Number, list[str]], Sequence[str] | None],
        carried: Sequence[Typed] = (),
        hint: str = "i",
    ) -> list[str]:
        """`for i in range(low, high, step): carried = body(i, carried)`, step > 0; the last values.

        Known bounds need no guard, no turn writes nothing, and a single turn is written without a
        loop, with `i` still known.
        """
        types, start = [t for t, _ in carried], [str(v) for _, v in carried]
        turns = _known_turns(low, high, step)
        if turns == 0:
            return start
        if turns == 1:
            return list(body(low, start) or [])
        inside, after, before = self.block(f"loop.{hint}"), self.block(f"end.{hint}"), self.current
        if turns is None:
            self.branch_if(self.relate("lt", I64, low, high), inside, after)
        else:
            self.branch(inside)
        self.begin(inside)
        index, values = f"%{self.unique(hint)}", [f"%{self.unique('carry')}" for _ in types]
        heads = len(self._lines)
        results = [str(v) for v in body(index, list(values)) or []]
        assert len(results) == len(types), "a loop body returns one value for each that it carries"
        following = self.emit(f"add nsw i64 {index}, {step}", "next")
        latch = self.current
        rows = [(index, I64, low, following), *zip(values, types, start, results)]
        self._lines[heads:heads] = [
            f"  {name} = phi {type_} [ {first}, %{before} ], [ {later}, %{latch} ]"
            for name, type_, first, later in rows
        ]
        self.branch_if(self.relate("lt", I64, following, high), inside, after)
        self.begin(after)
        if turns is not None:
            return results
        pairs = zip(types, start, results)
        return [self.phi(t, (s, before), (r, latch), hint="last") for t, s, r in pairs]

    def if_(self, condition: Condition, then: Callable[[], None]) -> None:
        """Run `then` where the condition holds."""
        if isinstance(condition, bool):
            return then() if condition else None
        yes, after = self.block("then"), self.block("after")
        self.branch_if(condition, yes, after)
        self.begin(yes)
        then()
        self.branch(after)
        return self.begin(after)

    def if_else(
        self,
        condition: Condition,
        then: Callable[[], Sequence[Number]],
        otherwise: Callable[[], Sequence[Number]],
        types: Sequence[str],
    ) -> list[Number]:
        """One of two branches; each answers values of `types`, and so does the whole."""
        if isinstance(condition, bool):
            return list(then() if condition else otherwise())
        yes, no, after = self.block("then"), self.block("else"), self.block("after")
        self.branch_if(condition, yes, no)
        arms: list[tuple[Sequence[Number], str]] = []
        for block, write in ((yes, then), (no, otherwise)):
            self.begin(block)
            arms.append((write(), self.current))
            self.branch(after)
        self.begin(after)
        (a, a_end), (b, b_end) = arms
        assert len(a) == len(b) == len(types), "both branches return one value of each type"
        return [self.phi(t, (x, a_end), (y, b_end)) for t, x, y in zip(types, a, b)]


def _align(type_: str) -> int:
    return bytes_of(element_of(type_))


def _known_turns(low: Number, high: Number, step: Number) -> int | None:
    """How often a loop runs, if that is known; every count above one is as good as two."""
    if not isinstance(low, int) or not isinstance(high, int):
        return None
    if low >= high:
        return 0
    return 1 if isinstance(step, int) and low + step >= high else 2
