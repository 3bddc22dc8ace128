"""A launch as a source file and as a task for a compiler: names, types, what may be assumed."""

from __future__ import annotations

import json
from typing import TypedDict

from graphc import cache
from graphc.backends.triton_gpu.launch import Launch
from graphc.dtypes import DType

from .chips import Chip


class Task(TypedDict):
    """What a worker is told of one launch (`codegen.py`)."""

    function_name: str
    source: str
    path: str
    types: list[str]
    """Of the arguments, in order, in Triton's words."""
    aligned: list[int]
    """The positions of pointers that are multiples of 16."""
    target: tuple[str, int | str, int]
    options: dict[str, int]


def task_of(launch: Launch, chip: Chip) -> Task:
    """The task of compiling a launch for a chip. Its source is kept as a file, to be looked at."""
    assert chip.has_maps or not launch.maps, f"{chip} has no descriptors"
    blocks = {found.pointer: list(found.block) for found in launch.maps}
    pointers = [
        f"tensordesc<{type_name(dtype)}{blocks[name]}>"
        if name in blocks
        else f"*{type_name(dtype)}"
        for name, dtype in launch.pointers
    ]
    aligned = [
        i
        for i, (name, _) in enumerate(launch.pointers)
        if name not in launch.unaligned and name not in blocks
    ]
    sizes = ["i64" if launch.wide else "i32"] * len(launch.sizes)
    return {
        "function_name": launch.function_name,
        "source": launch.source,
        "path": path_of(launch),
        "types": pointers + sizes,
        "aligned": aligned,
        "target": (chip.backend, chip.architecture, chip.warp_size),
        "options": {"num_warps": launch.warps, "num_stages": launch.stages},
    }


def path_of(launch: Launch) -> str:
    """The file of a source; the name of one that is not kept, in angle brackets."""
    path = cache.store_text(cache.key_of(launch.source), launch.source, "py")
    return f"<{launch.function_name}>" if path is None else str(path)


def deciding(task: Task) -> str:
    """What decides the binary: all but comments, which tell where a kernel comes from."""
    lines = task["source"].splitlines()
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return json.dumps({**task, "source": code, "path": ""}, sort_keys=True)


def type_name(dtype: DType) -> str:
    """Triton's word for a dtype: fp32, bf16, i64, u8, i1."""
    if dtype.kind == "b":
        return "i1"
    if dtype.kind == "f":
        return "bf16" if dtype.name == "bfloat16" else f"fp{dtype.bits}"
    return f"{dtype.kind}{dtype.bits}"
