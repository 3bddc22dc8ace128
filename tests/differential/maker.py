"""A graph in the making: the choices of a random stream, and inputs with their data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc import dtypes
from graphc.dtypes import DType
from graphc.ir.dim import Size, evaluate, named, substitute
from graphc.ir.node import Tensor
from graphc.ops import convert, leaf

SIZES = (0, 1, 2, 3, 5, 7, 8, 13, 16, 17, 19, 31)
WEIGHTS = (1, 4, 4, 6, 6, 6, 4, 4, 3, 3, 2, 2)
DTYPES = ("float32",) * 10 + ("float64", "int32", "int64", "int8", "uint8", "bool", "bfloat16")
BATCHES = (1, 2, 3, 5, 7, 16)


class Maker:
    """What is chosen and made so far."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.batch = named("batch")
        self.sizes = {"batch": int(self.rng.choice(BATCHES))}
        self.inputs: list[Tensor] = []
        self.data: list[np.ndarray] = []
        self.pool: list[Tensor] = []

    # ------------------------------------------------------------------ choices

    def size(self) -> int:
        return int(self.rng.choice(SIZES, p=np.array(WEIGHTS) / sum(WEIGHTS)))

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def one_of(self, items: list[object] | tuple[object, ...]) -> object:
        return items[int(self.rng.integers(len(items)))]

    def shape(self, rank: int) -> tuple[Size, ...]:
        shape: list[Size] = [self.size() for _ in range(rank)]
        if rank and self.chance(0.4):
            shape[0] = self.batch
        return tuple(shape)

    def concrete(self, shape: tuple[Size, ...]) -> tuple[int, ...]:
        return tuple(evaluate(s, self.sizes) for s in shape)

    def known(self, size: Size) -> bool:
        return isinstance(substitute(size, {}), int)

    # ------------------------------------------------------------------ leaves

    def new_input(self, shape: tuple[Size, ...] | None = None, kind: DType | None = None) -> Tensor:
        kind = kind or dtypes.as_dtype(str(self.one_of(DTYPES)))
        shape = self.shape(int(self.rng.integers(0, 5))) if shape is None else shape
        tensor = leaf.placeholder(shape, kind, name=f"in{len(self.inputs)}")
        self.inputs.append(tensor)
        self.data.append(self.values(self.concrete(shape), kind))
        return tensor

    def values(self, shape: tuple[int, ...], kind: DType) -> np.ndarray:
        if kind.kind == "b":
            return self.rng.random(shape) < 0.5
        if kind.is_integer:
            return self.rng.integers(0 if kind.kind == "u" else -4, 5, shape).astype(kind.numpy)
        return self.rng.uniform(-2, 2, shape).astype(kind.numpy)

    def pick(self, accept: Callable[[Tensor], bool] = lambda t: True) -> Tensor | None:
        found = [t for t in self.pool if accept(t)]
        if not found or self.chance(0.1):
            fresh = self.new_input()
            self.pool.append(fresh)
            found = [t for t in (*found, fresh) if accept(t)]
        return found[int(self.rng.integers(len(found)))] if found else None

    def floating(self, rank: int | None = None) -> Tensor | None:
        return self.pick(lambda t: t.dtype.is_float and (rank is None or t.ndim == rank))

    def as_float(self, x: Tensor) -> Tensor:
        return x if x.dtype.is_float else convert.cast(x, dtypes.float32)
