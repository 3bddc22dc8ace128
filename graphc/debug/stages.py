"""What `GRAPHC_DEBUG` and `GRAPHC_DUMP` show of a plan on its way to machine code.

    3 fusion and its reasons    4 generated source    6 kernels after each rewrite    7 assembly

A backend asks `watch` for a listener at each compile and tells it what it has made; nobody listens
unless a switch asks for it. Passes are shown by `log.py`, calls by `runs.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import final

from graphc import knobs
from graphc.kernels.kernel import Kernel
from graphc.kernels.printer import show
from graphc.schedule.memory import regions_of
from graphc.schedule.plan import KernelStep, Plan, Step

from . import dump, log

# The numbers that names of files begin with, after those of the passes.
DECISIONS, REWRITES, LOOPS, SOURCE, ASSEMBLY = 18, 19, 20, 21, 22


@dataclass(frozen=True, slots=True)
class Listing:
    """The code of steps that are the same: source and assembly are written when they are shown."""

    steps: tuple[Step, ...]
    source: Callable[[], str]
    assembly: Callable[[], str]
    endings: tuple[str, str] = ("ll", "s")
    """Of files with the source, and with the assembly."""
    mark: str = ";"
    """What begins a comment in the source."""


def watch(name: str) -> Stages | None:
    """A listener for the compilation of a function, by the switches in force."""
    settings = knobs.current()
    if settings.dump is None and settings.debug < log.DECISIONS:
        return None
    return Stages(name, settings.dump and dump.folder_of(settings.dump, name))


@final
class Stages:
    """Prints or writes what it is told about one function."""

    def __init__(self, name: str, folder: str | None) -> None:
        self.name, self.folder = name, folder
        self.rewrites: list[str] = []
        self.latest = ""

    def rewritten(self, kernel: str, rewrite: str, parts: tuple[Kernel, ...]) -> None:
        """The kernels that a rewrite made of a fused one; told even if it changed nothing."""
        shown = "\n".join(map(show, parts))
        if shown == self.latest:
            return
        self.latest = shown
        text = f"# {self.name}: {kernel} after {rewrite}\n{shown}"
        log.say(log.KERNELS, text)
        self.rewrites.append(text)

    def planned(self, plan: Plan) -> None:
        """The plan: decisions of fusion, then each kernel."""
        decisions = [d for p in _plans(plan) for d in p.decisions]
        for decision in decisions:
            log.say(log.DECISIONS, f"{self.name}: {decision}")
        self._write(DECISIONS, "decisions", "txt", decisions)
        self._write(REWRITES, "rewrites", "loops", self.rewrites)
        for number, step in numbered(plan):
            if isinstance(step, KernelStep):
                self._write(LOOPS, f"kernel_{number}", "loops", [_title(step), show(step.kernel)])

    def generated(self, plan: Plan, listings: Iterable[Listing]) -> None:
        """The code of the steps of a plan."""
        place = {step: number for number, step in numbered(plan)}
        for listing in listings:
            numbers = sorted(place[s] for s in listing.steps if s in place)
            head = f"kernel {', '.join(map(str, numbers))} of {self.name}"
            stem = f"kernel_{numbers[0] if numbers else 0}"
            source, assembly = listing.endings
            self._code(log.SOURCE, SOURCE, stem, source, f"{listing.mark} {head}", listing.source)
            self._code(log.ASSEMBLY, ASSEMBLY, stem, assembly, f"# {head}", listing.assembly)

    def _code(
        self, level: int, number: int, stem: str, ending: str, head: str, code: Callable[[], str]
    ) -> None:
        if self.folder is None and not log.is_on(level):
            return
        text = f"{head.encode('ascii', 'backslashreplace').decode()}\n{code()}"
        log.say(level, text)
        self._write(number, stem, ending, [text])

    def _write(self, number: int, stem: str, ending: str, parts: list[str]) -> None:
        if self.folder is not None and parts:
            dump.write_text(self.folder, number, stem, ending, "\n".join(parts))


def numbered(plan: Plan) -> Iterator[tuple[int, Step]]:
    """The steps of a plan, numbered from 1 as in `explain`, then those of loops and branches."""
    yield from enumerate((s for p in _plans(plan) for s in p.steps), start=1)


def _plans(plan: Plan) -> Iterator[Plan]:
    yield plan
    for step in plan.steps:
        for region in regions_of(step):
            yield from _plans(region)


def _title(step: KernelStep) -> str:
    """What a kernel is for: its nodes and the user's lines, as comments."""
    lines = [f"{s}: {s.text()}" for s in dict.fromkeys(step.sources)]
    return "\n".join(f"# {line}" for line in (f"{step.name}: {', '.join(step.nodes)}", *lines))
