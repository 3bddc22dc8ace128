"""`make bench-gpu`: every case in graphc, PyTorch and JAX, in turn, on one GPU.

    python -m benchmarks.gpu [WORD ..] [--environments FOLDER] [--minutes 9.5] [--tune-seconds 120]
                             [--dry-run]

Words choose the cases whose name contains one. Prints one line per case and writes
`benchmarks/results/gpu-<device>.md` after each. Cases that would begin after the last minute are
left out, and named. With --dry-run nothing is timed and no GPU is needed: all plans and launches
are made, and the tables are printed without numbers.
"""

from __future__ import annotations

import argparse
import datetime
import math
import re
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial

from benchmarks.__main__ import commit
from benchmarks.count import counted
from benchmarks.interleave import interleaved, medians
from benchmarks.networks import WORKLOADS
from benchmarks.peers.environments import python_of
from benchmarks.peers.process import Process, Reply
from benchmarks.record import RESULTS, milliseconds
from graphc.crew import available_cores

from .cases import CASES, Training
from .first import first_steps
from .page import COPY, GROUPS, OURS, Row, page, speedup

FRAMEWORKS = (OURS, "torch", "jax")
ENVIRONMENT = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""Several processes share the memory of the device."""
SAME, SAME_AT_RANDOM = 0.02, 0.5
"""How far answers may differ: bfloat16 without and with dropout."""


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--environments", help="a folder of virtual environments with peers")
    parser.add_argument("--python", action="append", default=[], metavar="PACKAGE=PYTHON")
    parser.add_argument("--minutes", type=float, default=9.5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.03, help="of each turn, about")
    parser.add_argument("--tune-seconds", type=int, default=120, help="0: tiles by shape alone")
    parser.add_argument("--device", default="cuda", help="cpu: peers alone, to try this program")
    parser.add_argument("--dry-run", action="store_true")
    return parser.parse_args(arguments)


def chosen(words: list[str]) -> list[str]:
    """The names of cases."""
    return [name for name in CASES if not words or any(w in name for w in words)]


def pythons(given: argparse.Namespace) -> dict[str, str]:
    """Framework -> interpreter, of those that are there."""
    named = dict(pair.split("=", 1) for pair in given.python)
    found = {name: python_of(name, named, given.environments) for name in FRAMEWORKS}
    if given.device != "cuda":
        del found[OURS]
    return {name: python for name, python in found.items() if python}


def start(name: str, python: str, device: str, more: Mapping[str, str] | None = None) -> Process:
    """A worker."""
    command = ("benchmarks.gpu.worker", name, device)
    return Process(name, python, available_cores(), {**ENVIRONMENT, **(more or {})}, command)


class Bench:
    """All frameworks, each in its process, and what they said of themselves."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.pythons = pythons(given)
        tune = {"GRAPHC_TUNE_SECONDS": str(given.tune_seconds)}
        self.processes = {n: start(n, p, given.device, tune) for n, p in self.pythons.items()}
        self.facts: dict[str, str] = {}

    def close(self) -> None:
        """End all processes."""
        for process in self.processes.values():
            process.close()

    def measured(self, name: str) -> Row:
        """One case: prepared side by side, made ready one by one, timed in turn."""
        row, case = Row(name), CASES[name]
        owner: dict[str, Process] = {}
        answers: dict[str, float] = {}
        for process in self.processes.values():
            process.send("prepare", case=name)
        for process in self.processes.values():
            reply = self._heard(process, process.answer(), row)
            found = dict(reply.get("answers", {}))  # pyright: ignore
            answers |= found
            owner |= dict.fromkeys(found, process)
            row.prepared |= dict(reply.get("seconds", {}))  # pyright: ignore
        for process in self.processes.values():
            self._heard(process, process.ask("ready"), row)
        row.failed |= differing(name, answers)
        ways = {w: p for w, p in owner.items() if w not in row.failed}
        row.seconds = self._rounds(row, "time", ways)
        if case.nbytes and OURS in row.seconds:
            row.rates = row.seconds.pop(COPY)
        if case.whole:
            row.whole = self._rounds(row, "whole", {w: ways[w] for w in row.seconds})
        return row

    def _rounds(self, row: Row, do: str, ways: Mapping[str, Process]) -> dict[str, list[float]]:
        turns = {way: partial(self._turn, row, do, way, p) for way, p in ways.items()}
        if do == "time" and CASES[row.case].nbytes and OURS in ways:
            turns[COPY] = partial(self._copy, ways[OURS])
        return interleaved(turns, self.given.rounds)

    def _turn(self, row: Row, do: str, way: str, process: Process) -> float | None:
        reply = process.ask(do, way=way, seconds=self.given.seconds)
        if "error" in reply:
            row.failed[way] = str(reply["error"])
            return None
        return float(str(reply["seconds"]))

    def _copy(self, process: Process) -> float:
        return float(str(process.ask("copy")["rate"]))

    def _heard(self, process: Process, reply: Reply, row: Row) -> Reply:
        """Errors and facts of a reply are kept."""
        if "error" in reply:
            row.failed[process.name] = str(reply["error"])
        row.failed |= dict(reply.get("failed", {}))  # pyright: ignore
        device = dict(reply.get("device", {}))  # pyright: ignore
        versions = dict(reply.get("versions", {}))  # pyright: ignore
        if device and (process.name == OURS or "device" not in self.facts):
            self.facts["device"] = str(device["name"])
            self.facts |= {"driver": str(device["driver"])} if "driver" in device else {}
        if versions:
            texts = [f"{package} {version}" for package, version in versions.items()]
            self.facts[process.name] = ", ".join(texts)
        return reply


def differing(name: str, answers: Mapping[str, float]) -> dict[str, str]:
    """Who computes something else than graphc, if graphc computes."""
    case = CASES[name]
    is_random = isinstance(case, Training) and counted(WORKLOADS[case.workload], 1).drops
    tolerance = SAME_AT_RANDOM if is_random else SAME
    right = answers.get(OURS)
    return {
        way: f"computes something else: {answer:.6g} instead of {right:.6g}"
        for way, answer in answers.items()
        if right is not None and not math.isclose(answer, right, rel_tol=tolerance)
    }


def shown(row: Row) -> str:
    """One row for the terminal."""
    parts = [f"{way} {milliseconds(t)}" for way, t in medians(row.seconds).items()]
    speed = speedup(row, GROUPS[CASES[row.case].group][1])
    parts += [] if speed is None else [f"x{speed:.2f}"]
    parts += [f"{way} failed: {why}" for way, why in row.failed.items()]
    return f"{row.case}: {', '.join(parts)} ms"


def file_name(device: str) -> str:
    """gpu-nvidia-h200.md"""
    words = re.sub(r"\(.*\)", "", device).lower()
    return f"gpu-{'-'.join(re.findall(r'[a-z0-9]+', words))}.md"


def run(given: argparse.Namespace) -> Iterator[Row]:
    """Measure, print and write, case by case."""
    end = time.monotonic() + 60 * given.minutes
    bench, rows, first, late = Bench(given), [], [], []
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")

    def write() -> None:
        left = {"left out, for want of time": ", ".join(late)} if late else {}
        tuned = {
            "tiles": f"measured for up to {given.tune_seconds} s"
            if given.tune_seconds
            else "by shape"
        }
        facts = {**bench.facts, **tuned, "date": now, "commit": commit(), **left}
        if given.device == "cuda" and OURS in bench.facts:
            text = page(facts, rows, first)
            (RESULTS / file_name(bench.facts["device"])).write_text(text, encoding="utf-8")

    try:
        for name in chosen(given.words):
            if time.monotonic() > end:
                late.append(name)
                continue
            row = bench.measured(name)
            rows.append(row)
            print(shown(row), flush=True)
            write()
            yield row
    finally:
        bench.close()
    if not given.words:
        for table in first_steps(bench.pythons, partial(start, device=given.device), end):
            first[:] = table
            write()
    write()


def dry(given: argparse.Namespace) -> list[Row]:
    """All plans and launches, and the tables without numbers."""
    from .on_graphc import planned

    rows = []
    for name in chosen(given.words):
        made = planned(CASES[name])
        rows.append(Row(name, launches=f"{made.launches} of {len(made.functions)} functions"))
        print(f"{name}: {rows[-1].launches}", file=sys.stderr, flush=True)
    print(page({"device": "none: a dry run", "commit": commit()}, rows, ()))
    return rows


def main() -> None:
    given = options()
    if given.dry_run:
        dry(given)
        return
    measured = list(run(given))
    if given.device == "cuda" and not any(OURS in row.seconds for row in measured):
        raise SystemExit("graphc could not be timed; the reasons are above")


if __name__ == "__main__":
    main()
