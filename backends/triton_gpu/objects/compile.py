"""From launches to binaries: the cache first, then Triton in worker processes, side by side.

This process never loads Triton. A cached binary is found by the source without its comments, types,
options, the chip, and the versions of Triton and of the assembler that it brings.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from graphc import cache, crew
from graphc.errors import CompileError, MissingExtraError
from graphc.knobs import inherited

from . import source
from .binary import Binary, decoded
from .chips import Chip, chip
from .source import Task

KIND = "kernels"
SECONDS_PER_KERNEL = 0.3
SECONDS_TO_START = 0.7
"""What a worker costs before its first binary: an interpreter and Triton."""
_HERE = Path(__file__).parent
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH")
"""The variables that workers see: Triton has many that change what it makes."""


class Resources(NamedTuple):
    """What one launch takes of a chip."""

    function_name: str
    registers: int
    spills: int
    """Bytes per thread."""
    shared: int
    """Bytes per program."""


def compiled(launches: Sequence[source.Launch], target: Chip) -> list[Binary]:
    """The binary of each launch, in order.

    Raises:
        CompileError: Triton refuses a source, or a program needs more than the chip has.
        MissingExtraError: Triton is not installed.
    """
    tasks = [source.task_of(launch, target) for launch in launches]
    keys = [cache.key_of(_toolchain(), source.deciding(task)) for task in tasks]
    wanted = dict(zip(keys, tasks))
    found = {key: known for key in wanted if (known := _known(key))}
    cold = [key for key in wanted if key not in found]
    if cold:
        for key, data in zip(cold, _made([wanted[key] for key in cold])):
            cache.store(key, data, KIND)
            found[key] = _whole(data)
    for launch, key in zip(launches, keys):
        _check(launch, found[key], target)
    return [found[key] for key in keys]


def resources(launches: Sequence[source.Launch], cc: int | str) -> list[Resources]:
    """Registers, spills and shared memory of each launch on a chip (80, 90, "gfx942")."""
    made = zip(launches, compiled(launches, chip(cc)))
    return [Resources(k.function_name, b.registers, b.spills, b.shared) for k, b in made]


def listing(launch: source.Launch, cc: int | str) -> str:
    """PTX, or the assembly of an AMD chip, for people."""
    return listings([launch], cc)[0]


def listings(launches: Sequence[source.Launch], cc: int | str) -> list[str]:
    """The same of several launches, made side by side."""
    target = chip(cc)
    tasks = [{**source.task_of(launch, target), "listing": True} for launch in launches]
    return [made.decode() for made in _made(tasks)]


def _known(key: str) -> Binary | None:
    data = cache.lookup(key, KIND)
    return None if data is None else decoded(data)


def _whole(data: bytes) -> Binary:
    made = decoded(data)
    assert made, "a worker answers a binary"
    return made


def _made(tasks: Sequence[Task] | Sequence[dict[str, object]]) -> list[bytes]:
    with tempfile.TemporaryDirectory(prefix="graphc-triton-") as folder:
        environment = {**inherited(_PASSED_ON), "TRITON_CACHE_DIR": folder}
        trade = crew.Trade(
            _HERE / "codegen.py", (), lambda _: SECONDS_PER_KERNEL, SECONDS_TO_START, _refused,
            environment=environment,
        )  # fmt: skip
        with crew.Crew(trade, SECONDS_PER_KERNEL * len(tasks)) as workers:
            for task in tasks:
                workers.add(json.dumps(task).encode())
            return workers.finish()


@lru_cache(maxsize=1)
def _toolchain() -> str:
    """What else decides a binary; found without loading Triton."""
    spec = find_spec("triton")
    if spec is None or spec.origin is None:
        raise MissingExtraError("triton is not installed", fix='pip install "graphc[gpu]"')
    folder = Path(spec.origin).parent / "backends" / "nvidia" / "bin"
    assemblers = [(p.name, p.stat().st_size) for p in sorted(folder.glob("ptxas*"))]
    ours = cache.digest([_HERE / "codegen.py", _HERE / "binary.py"])
    return f"triton {version('triton')} {assemblers} {ours}"


def _refused(reason: str, data: bytes) -> CompileError:
    task: Task = json.loads(data)
    return CompileError(
        f"Triton cannot compile {task['function_name']}, a defect of the code generator",
        received=reason.strip(),
        expected=f"a function for {task['target'][0]} {task['target'][1]}",
        fix=f"report it with its source: {task['path']}",
    )


def _check(launch: source.Launch, made: Binary, target: Chip) -> None:
    if made.shared > target.shared_bytes:
        raise CompileError(
            f"{launch.function_name} needs more shared memory than {target} has",
            received=f"{made.shared} bytes for each program",
            expected=f"{target.shared_bytes} bytes at most",
            fix="take smaller tiles or fewer stages",
        )
