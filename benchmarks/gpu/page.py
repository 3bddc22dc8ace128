"""The results of a GPU as Markdown: one table per group of cases."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.interleave import medians, ratio
from benchmarks.record import markdown, milliseconds

from .cases import CASES, Convolution

OURS = "graphc"
WAYS = (OURS, "torch", "torch-graph", "torch-compile", "torch-compile-graph", "jax")
COPY = "copy"
PEAKS = {"H200": 989.4e12, "H100": 989.4e12, "A100": 312e12}
"""bfloat16 operations per second of the chips' data sheets, without sparsity."""

# fmt: off
GROUPS = {  # title, beside whom, goal
    "product":     ("Matrix products, beside cuBLAS", "torch", "at least 0.95"),
    "convolution": ("The convolutions of ResNet-50, beside cuDNN", "torch",
                    "a geometric mean of at least 0.90"),
    "training":    ("Training steps, beside torch.compile", "torch-compile",
                    "above 1 for ResNet-50 and VGG-16, at least 2 for the small ones"),
    "rows":        ("What memory bounds", "torch-compile", "at least 90 % of a copy"),
}
# fmt: on


@dataclass
class Row:
    """One case: seconds of each round by way, and what else was seen."""

    case: str
    seconds: dict[str, list[float]] = field(default_factory=dict)
    whole: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    prepared: dict[str, float] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    """Of a copy on the device, in bytes per second, in each round."""
    launches: str = ""


def page(facts: Mapping[str, str], rows: Iterable[Row], first: Sequence[Sequence[str]]) -> str:
    """Everything. `first` is the table of first steps, with its head; empty: none."""
    found = list(rows)
    told = "\n".join(f"- {k}: {v}" for k, v in facts.items())
    parts = [f"# Results on a GPU\n\n{told}", ABOUT]
    for group, (title, beside, goal) in GROUPS.items():
        chosen = [r for r in found if CASES[r.case].group == group]
        if chosen:
            body = markdown(table(chosen, beside, facts.get("device", "")))
            parts.append(f"## {title}\n\nThe goal is {goal}.\n\n{body}")
            parts += [text for text in (summary(chosen, beside), remarks(chosen)) if text]
    if first:
        parts.append(f"## The first training step\n\n{FIRST}\n\n{markdown(first)}")
    return "\n\n".join(parts) + "\n"


def table(rows: Sequence[Row], beside: str, device: str) -> list[list[str]]:
    """A head and a line per case; who computed nothing has no column."""
    seen = {name for r in rows for name in (*r.seconds, *r.failed)}
    ways = [w for w in WAYS if w in seen or w == OURS]
    wholes = [f"{w}, whole" for w in WAYS if any(w in r.whole for r in rows)]
    head = [
        "case",
        *ways,
        *wholes,
        f"{beside} / {OURS}",
        "of copy" if CASES[rows[0].case].nbytes else "of peak",
    ]
    if any(r.launches for r in rows):
        head.append("launches")
    return [head, *(line(r, ways, wholes, beside, device, head) for r in rows)]


def line(
    row: Row, ways: Sequence[str], wholes: Sequence[str], beside: str, device: str,
    head: Sequence[str],
) -> list[str]:  # fmt: skip
    """One case."""
    middle, whole = medians(row.seconds), medians(row.whole)
    cells = [milliseconds(middle[w]) if w in middle else "–" for w in ways]
    cells += [
        milliseconds(whole[w]) if w in whole else "–"
        for w in (title.removesuffix(", whole") for title in wholes)
    ]
    speed = speedup(row, beside)
    cells.append("–" if speed is None else f"{speed:.2f}")
    cells.append(share(row, device))
    return [row.case, *cells, *([row.launches] if head[-1] == "launches" else [])]


def share(row: Row, device: str) -> str:
    """Of the peak of the chip, or of the speed of a copy in the same rounds."""
    case, middle = CASES[row.case], medians(row.seconds)
    peak = next((p for chip, p in PEAKS.items() if chip in device), None)
    if OURS not in middle:
        return "–"
    if case.nbytes:
        rates = zip(row.rates, row.seconds[OURS])
        found = [case.nbytes / (rate * seconds) for rate, seconds in rates]
        return f"{statistics.median(found):.0%}" if found else "–"
    if peak is None or case.dtype != "bfloat16":
        return "–"
    return f"{case.flops / middle[OURS] / peak:.0%}"


def speedup(row: Row, beside: str) -> float | None:
    """How many times as long the other takes."""
    both = OURS in row.seconds and beside in row.seconds
    return ratio(row.seconds, beside, OURS) if both else None


def summary(rows: Sequence[Row], beside: str) -> str:
    """Geometric means of the convolutions, by direction and over all."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        case, speed = CASES[row.case], speedup(row, beside)
        if isinstance(case, Convolution) and speed is not None:
            for name in (case.direction, "all"):
                groups.setdefault(name, []).append(speed)
    if not groups:
        return ""
    means = {n: math.exp(statistics.fmean(map(math.log, x))) for n, x in groups.items()}
    words = ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
    return f"Geometric means of {beside} / {OURS}: {words}."


def remarks(rows: Sequence[Row]) -> str:
    """Why there are dashes."""
    return "\n".join(f"- {r.case}, {way}: {why}" for r in rows for way, why in r.failed.items())


ABOUT = """\
Milliseconds of the device for one call, by its own events around calls in a row (JAX: from the
first call to the end of the last): the median over rounds in which all took turns, inputs on the
device. A ratio is the median of the ratios of the rounds; above 1, graphc is faster. `whole`: from
NumPy arrays to the loss as a number, by the clock of the host. `of peak`: operations of the
products and convolutions, taps in the padding included, beside the data sheet's bfloat16 peak.
`of copy`: bytes that must be read and written, beside a copy of 1 GiB in the same rounds. PyTorch
is channels last with cuDNN's own choice of algorithms; `-graph` replays the whole step as one CUDA
graph. Training in bfloat16 has weights in float32; float32 is exact everywhere (no TF32)."""

FIRST = """\
Seconds from the start of a process to the end of the first step: with empty caches, then with those
that the first process filled."""
