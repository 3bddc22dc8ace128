"""What Triton makes of launches for chips that need not be here: instructions and resources."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from graphc.backends.triton_gpu.launch import Launch

CHIPS = (80, 90)
SHARED = {80: 166912, 90: 232448}
"""The largest shared memory of one program."""
TYPES = {
    "float32": "fp32", "float64": "fp64", "float16": "fp16", "bfloat16": "bf16", "bool": "i1",
    "int32": "i32", "int64": "i64", "uint8": "u8",
}  # fmt: skip
CHILDREN = 2


class Facts(TypedDict):
    """What is known of the code of one launch."""

    registers: int
    spills: int
    """Bytes of a thread."""
    shared: int
    """Bytes of a program."""
    matrix: list[str]
    """Its instructions for products of matrices."""
    copies: list[int]
    """The bytes of its asynchronous copies."""
    fused: int
    """Multiply-adds of float32."""


def compiled(launches: Sequence[tuple[Launch, int]], python: str = sys.executable) -> list[Facts]:
    """The facts of each launch on a chip, from processes in which Triton compiles."""
    tasks = [_task(launch, chip) for launch, chip in launches]
    shares = [tasks[i::CHILDREN] for i in range(CHILDREN)]
    with tempfile.TemporaryDirectory() as folder:
        children = [_started(python, folder) for _ in shares]
        for child, share in zip(children, shares, strict=True):
            assert child.stdin
            child.stdin.write(json.dumps(share))
            child.stdin.close()
        answers = [_answer(child) for child in children]
    return [answers[i % CHILDREN][i // CHILDREN] for i in range(len(tasks))]


def _started(python: str, folder: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = folder
    child = Path(__file__).parent / "ptx_child.py"
    return subprocess.Popen(
        [python, str(child)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment,
    )  # fmt: skip


def _answer(child: subprocess.Popen[str]) -> list[Facts]:
    with child:
        assert child.stdout
        text = child.stdout.read()
    assert child.returncode == 0, "Triton refuses a source"
    return json.loads(text)


def _task(launch: Launch, chip: int) -> dict[str, object]:
    pointers = [f"*{TYPES[d.name]}" for _, d in launch.pointers]
    sizes = ["i64" if launch.wide else "i32"] * len(launch.sizes)
    return {
        "name": launch.function_name, "source": launch.source, "types": pointers + sizes,
        "pointers": len(pointers), "warps": launch.warps, "stages": launch.stages, "chip": chip,
    }  # fmt: skip
