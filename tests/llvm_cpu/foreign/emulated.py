"""Kernels for AArch64 as programs of their own, which `qemu-aarch64` runs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from graphc.backends.llvm_cpu.host import NAMED
from graphc.backends.llvm_cpu.ir.emitted import Emitted
from graphc.backends.llvm_cpu.kernels import emit
from graphc.backends.llvm_cpu.objects import jit
from graphc.backends.llvm_cpu.run import pool_ir, pool_words
from graphc.backends.llvm_cpu.tuning.choice import Work
from graphc.ir import dim
from graphc.kernels.kernel import Kernel
from graphc.kernels.walk import buffers_of, size_names

TARGET = NAMED["aarch64"]
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
HARNESS = Path(__file__).with_name("harness.c")
TABLE = """
typedef void phase(void *, int, int);
{declared}
phase *phases[] = {{ {names}, 0 }};
const int spin_at = {spin}, workers_at = {workers};
"""


def missing() -> list[str]:
    """The programs that are not installed."""
    return [name for name in (COMPILER, EMULATOR) if shutil.which(name) is None]


class Emulated:
    """A kernel as an emulated program; it runs like `Compiled` of the other runners."""

    def __init__(self, kernel: Kernel, folder: Path, threads: int = 3) -> None:
        self.kernel, self.folder, self.threads = kernel, folder, threads
        self.emitted, module = emit(Work(kernel, TARGET))
        self._build(self.emitted, module.text())

    def _build(self, emitted: Emitted, text: str) -> None:
        names = [p.function_name for p in emitted.phases]
        table = TABLE.format(
            declared="\n".join(f"phase {name};" for name in names),
            names=", ".join(names),
            spin=pool_words.SPIN,
            workers=pool_words.WORKERS,
        )
        (self.folder / "table.c").write_text(table)
        units = [jit.unit_of(text, *names)]
        units.append(jit.unit_of(pool_ir.pool_module(TARGET, False).text(), *pool_words.NAMES))
        files = [str(HARNESS), "table.c"]
        for i, data in enumerate(jit.objects(units, TARGET)):
            (self.folder / f"unit{i}.o").write_bytes(data)
            files.append(f"unit{i}.o")
        words = [COMPILER, "-O1", "-static", *files, "-o", "program", "-lm", "-lpthread"]
        subprocess.run(words, cwd=self.folder, check=True)

    def run(
        self, arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int], chunks: int = 1
    ) -> None:
        """All phases; the arrays change in place."""
        buffers = [arrays[b.name] for b in buffers_of(self.kernel)]
        scratch = [
            (max(1, dim.evaluate(n, sizes)) + 16) * d.itemsize for d, n in self.emitted.scratch
        ]
        given = [sizes[n] for n in size_names(self.kernel)]
        head = [len(buffers), len(scratch), len(given), chunks, self.threads]
        numbers = np.array([*head, *(a.nbytes for a in buffers), *scratch, *given], np.int64)
        data = numbers.tobytes() + b"".join(a.tobytes() for a in buffers)
        (self.folder / "input").write_bytes(data)
        words = [EMULATOR, "./program", "input", "output"]
        subprocess.run(words, cwd=self.folder, check=True, timeout=60)
        data, start = (self.folder / "output").read_bytes(), 0
        for a in buffers:
            a[...] = np.frombuffer(data, a.dtype, a.size, start).reshape(a.shape)
            start += a.nbytes
