"""The head of every emitted function: what its arguments mean, and where its chunk lies.

    void name(ptr %args, i32 %chunk, i32 %nchunks)

args[i] is the address of a cell: first one cell per buffer of the kernel (it holds a pointer), then
one per scratch buffer, then one per named size (it holds an i64). A call of a whole program patches
cells and leaves the arguments of its kernels alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.backends.llvm_cpu.nest.place import Place
from graphc.kernels.kernel import Expr, Kernel, Load
from graphc.kernels.walk import buffers_of, size_names, walk

from .module import Module
from .text import Function
from .types import I32, I64, POINTER, Number


@dataclass(frozen=True, slots=True)
class Entry:
    """An opened function: the place at its start, its share of the work, its scratch buffers."""

    f: Function
    place: Place
    chunk: Number
    chunks: Number
    scratch: tuple[str, ...]

    def share(self, items: Number) -> tuple[Number, Number]:
        """The items of this chunk: from chunk*items/nchunks up to the next chunk's first."""
        f = self.f
        following = f.add(self.chunk, 1)
        low, high = (f.div(f.mul(c, items), self.chunks) for c in (self.chunk, following))
        return low, high


class AbstractAtEntry:
    """What writes into an opened function."""

    __slots__ = ()
    entry: Entry

    @property
    def f(self) -> Function:
        """The function being written."""
        return self.entry.f

    @property
    def place(self) -> Place:
        """Where its loops are."""
        return self.entry.place


def open_function(module: Module, kernel: Kernel, name: str, scratch: int = 0) -> Entry:
    """Begin a function of a kernel and load what its arguments point to."""
    arguments = [(f"{POINTER} noalias", "args"), (I32, "chunk"), (I32, "nchunks")]
    f = Function(module, name, arguments)
    place, others = open_place(f, kernel, scratch)
    chunk, chunks = (f.cast("zext", I32, f"%{n}", I64) for n in ("chunk", "nchunks"))
    return Entry(f, place, chunk, chunks, others)


def open_place(f: Function, kernel: Kernel, scratch: int = 0) -> tuple[Place, tuple[str, ...]]:
    """What the argument %args of a function points to: buffers and sizes, then scratch buffers."""
    buffers, sizes = [b.name for b in buffers_of(kernel)], size_names(kernel)

    def cell(position: int, type_: str) -> str:
        address = f.load(POINTER, f.gep(POINTER, "%args", position))
        return f.load(type_, address)

    pointers = [cell(i, POINTER) for i in range(len(buffers) + scratch)]
    values = [cell(len(pointers) + i, I64) for i in range(len(sizes))]
    named = dict(zip(buffers, pointers))
    place = Place(f, kernel.axes, named, dict(zip(sizes, values)))
    return place, tuple(pointers[len(buffers) :])


def buffers_read(kernel: Kernel, e: Expr) -> tuple[int, ...]:
    """The numbers of the buffers of a kernel that an expression reads."""
    names = [b.name for b in buffers_of(kernel)]
    read = {x.buffer.name for x in walk((e,)) if isinstance(x, Load)}
    return tuple(sorted(map(names.index, read)))
