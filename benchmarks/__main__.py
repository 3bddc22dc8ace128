"""`make bench`: each workload in graphc and in every framework that is installed, in turn.

    python -m benchmarks [W1 W5 ..] [--train | --infer] [--environments FOLDER] [--quick]

Prints one table and writes it to `benchmarks/results/<machine>.md`.
"""

from __future__ import annotations

import argparse
import datetime
import math
import subprocess
import sys
from pathlib import Path

from graphc.backends.llvm_cpu.run.pool import Pool
from graphc.crew import available_cores

from . import count, machine, record
from .interleave import interleaved, medians, ratio
from .networks import WORKLOADS
from .peers import OURS, PEERS
from .peers.environments import python_of
from .peers.process import ROOT, Process
from .record import Row
from .turns import Turns

SAME, SAME_AT_RANDOM = 0.01, 0.5
"""How far first losses and mean logits may differ: without and with dropout."""

CODE = ("graphc", "frontend", "backends", "benchmarks", ":!benchmarks/results")
"""What may change a number."""

PEAK = "the machine"
"""The name of the turn that measures the peak of fused multiply-adds."""


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", help=f"of {', '.join(WORKLOADS)}; all by default")
    parser.add_argument("--train", action="store_true", help="training steps only")
    parser.add_argument("--infer", action="store_true", help="inference only")
    parser.add_argument("--peers", help="names with commas; all that are installed by default")
    parser.add_argument("--environments", help="a folder of virtual environments with peers")
    parser.add_argument("--python", action="append", default=[], metavar="PACKAGE=PYTHON")
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.25, help="of each turn, at least")
    parser.add_argument("--quick", action="store_true", help="3 short rounds, nothing written")
    parser.add_argument("--resume", action="store_true", help="skip rows measured at this commit")
    given = parser.parse_args(arguments)
    if given.quick:
        given.rounds, given.seconds = 3, 0.05
    given.workloads = given.workloads or list(WORKLOADS)
    return given


def wanted(given: argparse.Namespace) -> list[tuple[str, bool, int]]:
    """(workload, training, batch) of each row, training before inference."""
    found: list[tuple[str, bool, int]] = []
    for name in given.workloads:
        w = WORKLOADS[name]
        if w.optimizer and not given.infer:
            found.append((name, True, w.batch))
        if not given.train:
            found += [(name, False, batch) for batch in w.inference]
    return found


def peers_for(given: argparse.Namespace, workload: str, train: bool) -> dict[str, str]:
    """Peer -> interpreter, for those that have this workload."""
    named = dict(pair.split("=", 1) for pair in given.python)
    asked = given.peers.split(",") if given.peers else [n for n, p in PEERS.items() if not p.asked]
    found: dict[str, str] = {}
    for name in dict.fromkeys([OURS, *asked]):
        peer = PEERS[name]
        fits = (peer.trains or not train) and (not peer.only or workload in peer.only)
        python = python_of(name, named, given.environments) if fits else None
        if python:
            found[name] = python
    return found


def measure(given: argparse.Namespace, workload: str, train: bool, batch: int) -> Row:
    """Start all peers, let them take turns, end them."""
    pythons = peers_for(given, workload, train)
    processes = {name: Process(name, python, given.threads) for name, python in pythons.items()}
    failed: dict[str, str] = {}
    try:
        versions = prepared(processes, failed, workload, train, batch)
        turns = Turns(given.seconds, failed)
        takes = {n: lambda p=p: turns.take(p) for n, p in processes.items() if n not in failed}
        with Pool(given.threads) as pool:
            takes[PEAK] = lambda: machine.fma_peak(pool, 0.05)
            seconds = interleaved(takes, given.rounds)
            peak = max(seconds.pop(PEAK))
            pool.close()
    finally:
        for process in processes.values():
            process.close()
    flops = count.flops(WORKLOADS[workload], batch, train)
    words = ["PEERS" if Path(word).is_dir() else word for word in sys.argv[1:]]
    command = " ".join(["python -m benchmarks", *words])
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    return Row(workload, train, batch, given.threads, seconds, failed, versions, flops, peak,
               turns.disturbed, date, commit(), command)  # fmt: skip


def prepared(
    processes: dict[str, Process], failed: dict[str, str], workload: str, train: bool, batch: int
) -> dict[str, str]:
    """Build the workload everywhere, and see that all compute the same; versions of everything."""
    for process in processes.values():
        process.send("prepare", workload=workload, train=train, batch=batch)
    versions: dict[str, str] = {"python": sys.version.split()[0]}
    answers: dict[str, float] = {}
    for name, process in processes.items():
        reply = process.answer()
        process.pause()
        if "error" in reply:
            failed[name] = str(reply["error"])
        else:
            answers[name] = float(str(reply["answer"]))
            versions |= dict(reply["versions"])  # pyright: ignore[reportCallIssue, reportArgumentType]
    random = train and count.counted(WORKLOADS[workload], 1).drops
    failed |= differing(answers, SAME_AT_RANDOM if random else SAME)
    return versions


def differing(answers: dict[str, float], tolerance: float) -> dict[str, str]:
    """Who computes something else than graphc, if graphc computes."""
    if OURS not in answers:
        return {}
    right = answers[OURS]
    return {
        name: f"computes something else: {answer:.6g} instead of {right:.6g}"
        for name, answer in answers.items()
        if not math.isclose(answer, right, rel_tol=tolerance)
    }


def commit() -> str:
    """The last commit that changed the code, with a plus if there are changes since."""
    git = ["git", "-C", str(ROOT)]
    last, changes = (
        subprocess.run([*git, *words, "--", *CODE], capture_output=True, text=True).stdout.strip()
        for words in (["log", "-1", "--format=%h"], ["status", "--porcelain"])
    )
    return f"{last or 'unknown'}{'+' if changes else ''}"


def shown(row: Row) -> str:
    """One row as a line for the terminal."""
    middle = sorted(medians(row.seconds).items(), key=lambda item: item[1])
    parts = [f"{name} {record.milliseconds(t)}" for name, t in middle]
    if OURS in row.seconds:
        parts += [f"x{ratio(row.seconds, OURS, n):.3f} of {n}" for n, _ in middle if n != OURS][:1]
        share = row.flops / row.peak / medians(row.seconds)[OURS]
        parts.append(f"{share:.0%} of FMA bound")
    parts += [f"{name} failed: {why}" for name, why in row.failed.items()]
    return f"{row.key}: {', '.join(parts)}"


def main() -> None:
    given = options()
    file = record.RESULTS / f"{machine.short_name()}.json"
    rows, now = record.load(file), commit()
    measured: dict[str, Row] = {}
    for workload, train, batch in wanted(given):
        key = record.key_of(workload, train, batch, given.threads)
        if given.resume and key in rows and rows[key].commit == now:
            continue
        row = measured[key] = measure(given, workload, train, batch)
        print(shown(row), flush=True)
        if not given.quick:
            rows[key] = row
            record.store(file, rows)
            file.with_suffix(".md").write_text(record.page(machine.described(), rows.values()))
    print(f"\n{record.page(machine.described(), measured.values() or rows.values())}")


if __name__ == "__main__":
    main()
