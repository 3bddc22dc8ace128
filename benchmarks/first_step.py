"""What it costs before the second number: the first step from process start, and memory.

    python -m benchmarks.first_step [W2 W5] [--environments FOLDER] [--peers torch,torch-cl]

Every figure comes from a fresh process: from its start to the end of the first training step, and
the most memory it has used after some more. graphc starts with an empty cache folder and with the
one that the first process has filled. Writes `benchmarks/results/<machine>-first-step.md`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass

from . import machine
from .networks import WORKLOADS
from .peers import OURS
from .peers.environments import add_peers, pythons_of
from .peers.process import ROOT, Process
from .record import RESULTS, kept, markdown

IMPORT = """
import time; start = time.perf_counter()
import graphc, sys
print(time.perf_counter() - start)
assert "llvmlite" not in sys.modules
"""
BUILD = """
import time
from benchmarks.workloads import WORKLOADS, training_graph
start = time.perf_counter()
training_graph(WORKLOADS["W5"], seed=None)
print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class First:
    """A process from its start: seconds to the end of the first step, bytes after some steps."""

    seconds: float
    nbytes: float


def first(
    name: str, python: str, workload: str, threads: int, environment: Mapping[str, str]
) -> First | str:
    """One fresh process, or why it failed."""
    process = Process(name, python, threads, environment)
    try:
        batch = WORKLOADS[workload].batch
        reply = process.ask("prepare", workload=workload, train=True, batch=batch)
        seconds = time.perf_counter() - process.started
        if "error" not in reply:
            process.ask("time", seconds=0.1)
            reply = process.ask("memory")
        if "error" in reply:
            return str(reply["error"])
        return First(seconds, float(str(reply["bytes"])))
    finally:
        process.close()


def rounds(
    workload: str, pythons: Mapping[str, str], threads: int, count: int
) -> dict[str, list[First | str]]:
    """Fresh processes in turn; graphc twice, without and with a cache."""
    found: dict[str, list[First | str]] = {}
    for _ in range(count):
        for name, python in pythons.items():
            if name != OURS:
                found.setdefault(name, []).append(first(name, python, workload, threads, {}))
                continue
            with tempfile.TemporaryDirectory() as folder:
                cache = {"GRAPHC_CACHE_DIR": folder}
                for state in ("cold", "cached"):
                    one = first(name, python, workload, threads, cache)
                    found.setdefault(f"{name}, {state}", []).append(one)
    return found


def lines(workload: str, found: Mapping[str, list[First | str]]) -> list[list[str]]:
    """One line per peer: the shortest start, the median of memory, or why it failed."""
    result: list[list[str]] = []
    for name, all_ in found.items():
        good = [f for f in all_ if isinstance(f, First)]
        cells = [next(f for f in all_ if isinstance(f, str)), "–"] if not good else [
            f"{min(f.seconds for f in good):.2f}",
            f"{statistics.median(f.nbytes for f in good) / 1e6:.0f}",
        ]  # fmt: skip
        title = f"{workload} {WORKLOADS[workload].title}, batch {WORKLOADS[workload].batch}"
        result.append([title, name, *cells])
    return result


def printed(code: str) -> float:
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_step", description=__doc__)
    parser.add_argument("workloads", nargs="*", default=["W2", "W5"])
    add_peers(parser, "torch,torch-cl")
    given = parser.parse_args()
    pythons = pythons_of(given)
    file = RESULTS / f"{machine.short_name()}-first-step.json"
    table = [["workload", "peer", "first step, s", "peak memory, MB"]]
    found: list[list[str]] = []
    for workload in given.workloads:
        found += lines(workload, rounds(workload, pythons, given.threads, given.rounds))
    table += kept(file, {" ".join(line[:2]): line for line in found})
    parts = [["part", "s"]]
    for name, code in (("import graphc", IMPORT), ("graph of the W5 training step", BUILD)):
        parts.append([name, f"{statistics.median(printed(code) for _ in range(5)):.3f}"])
    page = (
        f"# The first training step\n\n{machine.described()}, {given.threads} threads\n\n"
        f"Seconds from process start to the end of the first step, and the most memory resident "
        f"after some more. Of {given.rounds} fresh processes in turn, all with the files of their "
        f"framework in the system's cache: the shortest time, and the median of memory.\n\n"
        f"{markdown(table)}\n\n{markdown(parts)}\n"
    )
    file.with_suffix(".md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
