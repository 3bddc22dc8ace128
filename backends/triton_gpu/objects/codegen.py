"""Triton source -> machine code and what a launch must know of it: what worker processes do.

Imports nothing of this project, and nothing but workers imports this: Triton is slow to load, and
must not have been told to interpret (`TRITON_INTERPRET`).
"""

from __future__ import annotations

import json
import linecache
import re
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import triton
from triton.backends import nvidia
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime import cache

if TYPE_CHECKING:
    from .source import Task

OPTIONS = {
    "enable_fp_fusion": False,  # multiply-add is an operation of its own
    "enable_reflect_ftz": False,  # small numbers stay what they are in elementary functions
}
_HEAD = struct.Struct("<I")
_ENTRY = re.compile(r"\.entry\s+\w+\s*\((.*?)\)", re.DOTALL)
_PARAMETER = re.compile(r"\.param\s+(?:\.align\s+\d+\s+)?\.([a-z])(\d+)[^,\[]*(?:\[(\d+)\])?")
_USAGE = re.compile(r"Function \w+:\s*(.*)")


def worker() -> Callable[[bytes], bytes]:
    """What a worker process does: from a task (`source.py`) to a binary (`binary.py`)."""
    # Our cache has its own keys: there is no need to read the whole installation for Triton's.
    vars(cache)["triton_key"] = lambda: triton.__version__
    return _binary


def _binary(data: bytes) -> bytes:
    try:
        task = json.loads(data)
        made = _compiled(task)
        backend = task["target"][0]
        code = made.asm["cubin" if backend == "cuda" else "hsaco"]
        facts = _facts(made, code) if backend == "cuda" else _facts_of_amd(made)
        listing = made.asm["ptx" if backend == "cuda" else "amdgcn"]
    except Exception as error:  # whatever Triton raises, and it raises many things
        raise RuntimeError(f"{type(error).__name__}: {error}") from None
    text = json.dumps(facts).encode()
    if task.get("listing"):
        return listing.encode()
    return b"".join([_HEAD.pack(len(text)), text, code])


def _compiled(task: Task) -> triton.compiler.CompiledKernel:
    function = _function(task["source"], task["path"], task["function_name"])
    names, types = function.arg_names, task["types"]
    if len(names) != len(types):
        raise ValueError(f"the function takes {len(names)} arguments, the launch has {len(types)}")
    attributes = {(i,): [["tt.divisibility", 16]] for i in task["aligned"]}
    source = ASTSource(function, dict(zip(names, types)), {}, attributes)
    target = GPUTarget(*task["target"])
    return triton.compile(source, target=target, options={**OPTIONS, **task["options"]})


def _function(text: str, path: str, name: str) -> triton.JITFunction:
    """Triton reads the lines of a function again, as Python finds them: with or without a file."""
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    names: dict[str, object] = {"__name__": Path(path).stem, "__file__": path}
    exec(compile(text, path, "exec"), names)
    found = names[name]
    if not isinstance(found, triton.JITFunction):
        raise TypeError(f"{name} is no function of @triton.jit")
    return found


def _facts(made: triton.compiler.CompiledKernel, cubin: bytes) -> dict[str, object]:
    (arguments,) = _ENTRY.findall(made.asm["ptx"])
    widths = [int(bits) // 8 * int(count or 1) for _, bits, count in _PARAMETER.findall(arguments)]
    return _common(made) | {"parameters": widths} | _usage(cubin)


def _common(made: triton.compiler.CompiledKernel) -> dict[str, object]:
    found = made.metadata
    assert found.num_ctas == 1, "a program is one block"
    assert not found.launch_cooperative_grid, "programs do not wait for each other"
    return {
        "name": found.name,
        "warps": found.num_warps,
        "shared": found.shared,
        "scratch": getattr(found, "global_scratch_size", 0),
        "profile": getattr(found, "profile_scratch_size", 0),
        "tiles": [
            [tile["swizzle"], tile["elem_size"], tile["elem_type"], *tile["block_size"]]
            for tile in getattr(found, "tensordesc_meta", None) or ()
        ],
    }


def _usage(cubin: bytes) -> dict[str, object]:
    """Registers, and bytes of local memory: without arrays in it these are spilled registers."""
    tool = Path(nvidia.__file__).parent / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        words = [str(tool), "-res-usage", file.name]
        text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    (usage,) = _USAGE.findall(text)
    numbers = {key: int(value) for key, value in re.findall(r"([A-Z]+):(\d+)", usage)}
    return {"registers": numbers["REG"], "spills": numbers["STACK"] + numbers["LOCAL"]}


def _facts_of_amd(made: triton.compiler.CompiledKernel) -> dict[str, object]:
    listing = made.asm["amdgcn"]

    def number(key: str) -> int:
        (found,) = re.findall(rf"^\s*\.{key}:\s*(\d+)", listing, re.MULTILINE)
        return int(found)

    widths = [int(size) for size in re.findall(r"^\s*\.size:\s*(\d+)", listing, re.MULTILINE)]
    usage = {"registers": number("vgpr_count"), "spills": number("private_segment_fixed_size")}
    return _common(made) | {"parameters": widths} | usage
