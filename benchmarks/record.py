"""What was measured, kept as JSON beside the page that shows it.

One row is one workload at one batch size, training or inference; measuring it again replaces it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .interleave import best, medians, ratio
from .networks import WORKLOADS
from .peers import OURS, PEERS

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        seconds: peer -> of each round
        failed: peer -> why it has no number
        flops: operations of one call
        peak: operations per second that all threads reach, measured in the same run
        disturbed: how many turns count although others used the machine meanwhile
    """

    workload: str
    train: bool
    batch: int
    threads: int
    seconds: dict[str, list[float]]
    failed: dict[str, str]
    versions: dict[str, str]
    flops: int
    peak: float
    disturbed: int
    date: str
    commit: str
    command: str

    @property
    def key(self) -> str:
        """What a later measurement of the same replaces."""
        return key_of(self.workload, self.train, self.batch, self.threads)


def key_of(workload: str, train: bool, batch: int, threads: int) -> str:
    """The name of a row."""
    return f"{workload} {'train' if train else 'infer'} {batch} on {threads}"


def load(file: Path) -> dict[str, Row]:
    """The rows of a file; none if there is none."""
    if not file.exists():
        return {}
    return {key: Row(**row) for key, row in json.loads(file.read_text())["rows"].items()}


def store(file: Path, rows: dict[str, Row]) -> None:
    """Write all rows."""
    ordered = {key: asdict(rows[key]) for key in sorted(rows)}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"rows": ordered}, indent=1) + "\n")


def kept(file: Path, lines: dict[str, list[str]]) -> list[list[str]]:
    """The lines of a smaller table, those of earlier runs too; later ones replace equal names."""
    found = json.loads(file.read_text()) if file.exists() else {}
    found |= lines
    file.write_text(json.dumps(found, indent=1) + "\n")
    return [found[name] for name in sorted(found)]


# ---------------------------------------------------------------------------- as text


def page(machine: str, rows: Iterable[Row]) -> str:
    """The results as Markdown."""
    found = sorted(rows, key=lambda r: (r.threads, r.workload, r.batch))
    parts = [f"# Results\n\n{machine}\n\n{_ABOUT}"]
    for threads in sorted({r.threads for r in found}):
        for train, title in ((True, "Training step"), (False, "Inference")):
            chosen = [r for r in found if r.train is train and r.threads == threads]
            if chosen:
                parts.append(f"## {title}, {threads} threads\n\n{markdown(table(chosen))}")
                parts.append(_remarks(chosen))
    return "\n\n".join(p for p in parts if p) + "\n"


def table(rows: Sequence[Row]) -> list[list[str]]:
    """A head and one line per row; peers nobody measured have no column."""
    peers = [name for name in PEERS if any(name in r.seconds or name in r.failed for r in rows)]
    ends = ["best peer", "ratio", "of FMA bound"]
    return [["workload", "batch", *peers, *ends], *(_line(r, peers) for r in rows)]


def _line(row: Row, peers: Sequence[str]) -> list[str]:
    middle = medians(row.seconds)
    other = best(row.seconds, OURS)
    cells = [milliseconds(middle[name]) if name in middle else "–" for name in peers]
    head = [f"{row.workload} {WORKLOADS[row.workload].title}", str(row.batch)]
    if OURS not in middle:
        return [*head, *cells, other or "–", "–", "–"]
    share = row.flops / row.peak / middle[OURS]
    against = f"{ratio(row.seconds, OURS, other):.2f}" if other else "–"
    return [*head, *cells, other or "–", against, f"{share:.0%}"]


def _remarks(rows: Sequence[Row]) -> str:
    """Why there are dashes, and what ran."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for r in rows:
        for name, why in r.failed.items():
            reasons.setdefault((name, why), []).append(f"{r.workload} batch {r.batch}")
    failures = [f"- {n} on {', '.join(on)}: {why}" for (n, why), on in reasons.items()]
    for r in rows:
        if r.disturbed:
            turns = sum(map(len, r.seconds.values()))
            failures.append(
                f"- {r.workload} batch {r.batch}: others used the machine during "
                f"{r.disturbed} of {turns} turns"
            )
    versions = sorted({f"{name} {v}" for r in rows for name, v in r.versions.items()})
    runs = sorted({f"- {r.date}, commit {r.commit}: `{r.command}`" for r in rows})
    peaks = sorted(r.peak / 1e9 for r in rows)
    bound = f"FMA peak while measuring: {peaks[0]:.0f} to {peaks[-1]:.0f} GFLOP/s."
    return "\n".join(
        [*failures, *([""] if failures else []), bound, ", ".join(versions) + ".", "", *runs]
    )


def milliseconds(seconds: float) -> str:
    """Three significant digits."""
    ms = 1e3 * seconds
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.3g}" if ms >= 0.1 else f"{ms:.4f}"


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A table whose columns are aligned; the first one is text."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rules = ["-" * w if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    shown = [lines[0], rules, *lines[1:]]

    def cell(text: str, i: int) -> str:
        return text.ljust(widths[i]) if i == 0 else text.rjust(widths[i])

    return "\n".join("| " + " | ".join(cell(t, i) for i, t in enumerate(x)) + " |" for x in shown)


_ABOUT = """\
Milliseconds per call, float32: the median over rounds in which all frameworks took turns, each the
median of the calls in its turn. The ratio is graphc to the best peer, the median of the ratios of
the rounds: below 1, graphc is faster. The last column is the time that the operations of the
convolutions and matrix products (taps in the padding included) would take at the peak of fused
multiply-adds measured in the same run, as a share of graphc's time; Winograd can exceed 100 %.
`-cl`: channels last. `-keep`: the allocator keeps freed memory. `benchmarks/README.md` says how to
measure this again."""
