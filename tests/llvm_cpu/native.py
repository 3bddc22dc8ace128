"""Builds and calls small native functions for the tests of this folder."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np

from graphc.backends.llvm_cpu.host import chosen
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.objects import jit


def native(write: Callable[..., None], arrays: int, numbers: int = 0) -> Callable[..., None]:
    """A function of arrays and integers whose body is `write(f, *pointers, *i64s)`."""
    module = Module(chosen())
    arguments = [("ptr", f"p{i}") for i in range(arrays)]
    arguments += [("i64", f"n{i}") for i in range(numbers)]
    f = Function(module, "test", arguments)
    write(f, *(f"%{name}" for _, name in arguments))
    f.give_back()
    code = jit.load([jit.unit_of(module.text(), "test")])[0]
    types = [ctypes.c_void_p] * arrays + [ctypes.c_int64] * numbers
    call = ctypes.CFUNCTYPE(None, *types)(code["test"])

    def run(*values: np.ndarray | int) -> None:
        call(*(v.ctypes.data if isinstance(v, np.ndarray) else v for v in values))

    return run
