"""Compiles launches, read as JSON from stdin, to PTX: run by `ptx.py` in a process of its own."""

import json
import linecache
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import triton
from triton.backends import nvidia
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

COPIES = re.compile(r"cp\.async\.\w+\.shared\S* +\[[^]]*\], *\[[^]]*\], *(0x\w+|\d+)")
"""The bytes of asynchronous copies to shared memory."""
MATRIX = re.compile(r"(wgmma\.mma_async|mma\.sync|wmma\.mma)")


def facts(task):
    names: dict[str, object] = {"__name__": task["name"]}
    file = f"<{task['name']}>"
    text = task["source"]
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), names)
    function = names[task["name"]]
    source = ASTSource(
        function, dict(zip(function.arg_names, task["types"], strict=True)), {},
        {(i,): [["tt.divisibility", 16]] for i in range(task["pointers"])},
    )  # fmt: skip
    options = {"num_warps": task["warps"], "num_stages": task["stages"]}
    made = triton.compile(
        source, target=GPUTarget("cuda", task["chip"], 32),
        options={**options, "enable_fp_fusion": False},
    )  # fmt: skip
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.asm["cubin"])
        file.flush()
        tool = Path(nvidia.__file__).parent / "bin" / "cuobjdump"
        usage = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True)
    numbers = {k: int(v) for k, v in re.findall(r"(REG|STACK|LOCAL):(\d+)", usage.stdout)}
    ptx = made.asm["ptx"]
    return {
        "registers": numbers["REG"], "spills": numbers["STACK"] + numbers["LOCAL"],
        "shared": made.metadata.shared, "matrix": sorted(set(MATRIX.findall(ptx))),
        "fused": len(re.findall(r"\bfma\.rn\.f32\b", ptx)),
        "copies": sorted({int(x, 0) for x in COPIES.findall(ptx)}),
    }  # fmt: skip


json.dump([facts(t) for t in json.load(sys.stdin)], sys.stdout)
