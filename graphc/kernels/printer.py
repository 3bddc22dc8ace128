"""The kernel as text: axes, buffers, one numbered line per expression, then the stores.

The text of a kernel in canonical form (`canonical.py`) is the key of the compiled-kernel cache.
"""

from __future__ import annotations

from .kernel import (
    Affine,
    Buffer,
    Const,
    Coord,
    Expr,
    Index,
    Kernel,
    Load,
    Op,
    Reduce,
    SizeOf,
    Store,
)
from .walk import buffers_of, expressions_of


def show(kernel: Kernel) -> str:
    """The whole kernel as text; equal kernels have equal texts."""
    lines = [f"kernel {kernel.name}"]
    for a in kernel.axes:
        part = f" part of {a.part.parent} by {a.part.block} in {a.part.total}" if a.part else ""
        lines.append(f"  axis {a.name} = {a.size}{part}")
    lines += [f"  buffer {b.name}: {b.dtype}[{_sizes(b)}]" for b in buffers_of(kernel)]
    names: dict[Expr, str] = {}
    head = len(lines)
    for e in expressions_of(kernel):
        if isinstance(e, Const):
            names[e] = f"{e.value!r}:{e.dtype}"
            continue
        text = _right_side(e, names)
        names[e] = f"%{len(lines) - head}"
        lines.append(f"  {names[e]}: {e.dtype} = {text}")
    lines += [f"  {_store(s, names)}" for s in kernel.stores]
    return "\n".join(lines)


def _sizes(buffer: Buffer) -> str:
    return ", ".join(map(str, buffer.shape))


def _right_side(e: Expr, names: dict[Expr, str]) -> str:
    match e:
        case Coord(index=index):
            return f"coord {index}"
        case SizeOf(size=size):
            return f"size {size}"
        case Load(buffer=buffer, index=index, checked=checked, exact=exact, fill=fill):
            guard = f" checked {list(checked)}" if checked else ""
            guard += f" exact {list(exact)}" if exact else ""
            return f"load {buffer.name}[{_index(index, names)}]{guard}" + (
                f" else {fill!r}" if guard else ""
            )
        case Reduce(kind=kind, arg=arg, axes=axes):
            return f"{kind} {names[arg]} over {' '.join(axes)}"
        case Op(name=name, args=args):
            return f"{name} {' '.join(names[a] for a in args)}"
    raise AssertionError(f"no printed form for {type(e).__name__}")


def _store(s: Store, names: dict[Expr, str]) -> str:
    sign = f"{s.combine}=" if s.combine else "="
    keep = " keep" if s.keep else ""
    target = f"{s.buffer.name}[{_index(s.index, names)}]"
    return f"{target} {sign} {names[s.value]} for {' '.join(s.axes)}{keep}"


def _index(items: tuple[Index, ...], names: dict[Expr, str]) -> str:
    return ", ".join(str(i) if isinstance(i, Affine) else names[i] for i in items)
