"""The first training step from the start of a process, with cold and with filled caches."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping

from benchmarks.peers.process import Process

from .cases import CASES, Training
from .page import OURS

CACHES = (
    "GRAPHC_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR",
)  # fmt: skip
KEEP_ALL = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
NAMES = (Training("W2", 128, False).name, Training("W5", 64, True).name)
WAYS = {OURS: OURS, "torch": "torch", "torch-compile": "torch", "jax": "jax"}
"""way -> framework"""
Start = Callable[..., Process]


def first_steps(pythons: Mapping[str, str], start: Start, end: float) -> Iterator[list[list[str]]]:
    """The table as it grows, until the time is up."""
    table = [["case", "way", "cold", "cached"]]
    for name in NAMES:
        assert name in CASES, "what starts is timed too"
        for way, framework in WAYS.items():
            if framework not in pythons or time.monotonic() > end:
                continue
            with tempfile.TemporaryDirectory() as folder:
                caches = {variable: f"{folder}/{variable}" for variable in CACHES} | KEEP_ALL
                cells = [
                    seconds(start(framework, pythons[framework], more=caches), name, way)
                    for _ in range(2)
                ]
            table.append([name, way, *cells])
            yield table


def seconds(process: Process, case: str, way: str) -> str:
    """From the start of the process to the end of the first step; or why there was none."""
    try:
        reply = process.ask("prepare", case=case, wanted=way)
        found = time.perf_counter() - process.started
        failed = dict(reply.get("failed", {}))  # pyright: ignore
        if "error" in reply or failed:
            return str(reply.get("error", failed.get(way)))
        return f"{found:.1f}"
    finally:
        process.close()
