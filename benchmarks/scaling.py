"""Cost per image over batch sizes and image sizes: ours should be flat or fall.

    python -m benchmarks.scaling [--environments FOLDER] [--peers torch-cl-keep]

W2's training step at many batch sizes, microseconds per image; W5's inference of one image at many
sizes, nanoseconds per pixel. Writes `benchmarks/results/<machine>-scaling.md` and `.svg`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib import pyplot

from . import machine
from .interleave import interleaved, medians
from .peers import OURS
from .peers.environments import add_peers, pythons_of
from .peers.process import Process
from .record import RESULTS, markdown
from .turns import Turns

matplotlib.use("svg")


@dataclass(frozen=True)
class Chart:
    """A workload over one size.

    Attributes:
        sizes: what is varied, batch sizes or image sizes
        image: whether it is the image size
        unit: how costs are shown, and what a second is in it
    """

    workload: str
    train: bool
    title: str
    sizes: tuple[int, ...]
    image: bool
    unit: str
    scale: float

    def things(self, size: int) -> int:
        """Images, or pixels, of one call."""
        return size * size if self.image else size


# fmt: off
CHARTS = (
    Chart("W2", True, "W2 training step over batch sizes",
          (1, 2, 4, 8, 16, 32, 64, 100, 128), False, "µs per image", 1e6),
    Chart("W5", False, "W5 inference of one image over image sizes",
          (32, 64, 96, 128, 150, 192, 224, 256, 320), True, "ns per pixel", 1e9),
)
# fmt: on


def costs(
    chart: Chart, pythons: dict[str, str], threads: int, count: int
) -> dict[str, list[float]]:
    """Peer -> the cost at each size; in a round all sizes of all peers take turns."""
    processes = {name: Process(name, python, threads) for name, python in pythons.items()}
    turns = Turns(0.1, {})
    try:
        takes = {}
        for name, process in processes.items():
            for size in chart.sizes:
                more = {"batch": 1, "image": size} if chart.image else {"batch": size}
                reply = process.ask(
                    "prepare", workload=chart.workload, train=chart.train, label=str(size), **more
                )
                if "error" not in reply:
                    takes[f"{name} {size}"] = lambda p=process, s=size: turns.take(p, str(s))
            process.pause()
        found = medians(interleaved(takes, count))
    finally:
        for process in processes.values():
            process.close()
    nan = float("nan")
    return {
        name: [chart.scale * found.get(f"{name} {n}", nan) / chart.things(n) for n in chart.sizes]
        for name in pythons
    }


def lines(chart: Chart, found: dict[str, list[float]]) -> list[list[str]]:
    """One line per size."""
    head = ["image" if chart.image else "batch", *(f"{name}, {chart.unit}" for name in found)]
    rows = zip(chart.sizes, *found.values(), strict=True)
    return [head, *([str(size), *(f"{cost:.3g}" for cost in row)] for size, *row in rows)]


def draw(file: Path, found: Sequence[tuple[Chart, dict[str, list[float]]]]) -> None:
    """One picture beside the other, both axes logarithmic."""
    matplotlib.rcParams["svg.hashsalt"] = "graphc"  # the same numbers give the same file
    matplotlib.rcParams["svg.fonttype"] = "none"
    figure, axes = pyplot.subplots(1, len(found), figsize=(5.5 * len(found), 4), squeeze=False)
    for ax, (chart, peers) in zip(axes[0], found, strict=True):
        for name, row in peers.items():
            ax.plot(chart.sizes, row, marker="o", label=name, linewidth=2 if name == OURS else 1)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(chart.sizes, [str(n) for n in chart.sizes], fontsize=7)
        ax.set_xlabel("image size" if chart.image else "batch size")
        ax.set_ylabel(chart.unit)
        ax.set_title(chart.title, fontsize=10)
        ax.grid(True, which="both", alpha=0.3)
        ax.legend()
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    add_peers(parser, "torch-cl-keep")
    given = parser.parse_args()
    pythons = pythons_of(given)
    found = [(chart, costs(chart, pythons, given.threads, given.rounds)) for chart in CHARTS]
    file = RESULTS / f"{machine.short_name()}-scaling.svg"
    draw(file, found)
    parts = [f"## {chart.title}\n\n{markdown(lines(chart, rows))}" for chart, rows in found]
    text = "\n\n".join(
        ["# Cost per image", f"{machine.described()}, {given.threads} threads",
         f"![the same as a chart]({file.name})", *parts]
    )  # fmt: skip
    file.with_suffix(".md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
