"""The code of a program for people: Triton source and PTX of each function (`GRAPHC_DEBUG`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from graphc.debug.stages import Listing
from graphc.schedule.plan import Step

from .kernels import Form
from .launch import Launch
from .objects.compile import listing

CHIP = 90
"""The chip that PTX is shown for where there is no GPU."""


def listings(forms: Mapping[Step, Form], cc: int = CHIP) -> Iterator[Listing]:
    """One listing for all steps that share a function."""
    sharing: dict[Launch, list[Step]] = {}
    for step, form in forms.items():
        for call in form.calls:
            steps = sharing.setdefault(call.launch, [])
            steps += [] if step in steps else [step]
    for launch, steps in sharing.items():
        ptx = partial(listing, launch, cc)
        yield Listing(tuple(steps), partial(_source, launch), ptx, ("py", "ptx"), "#")


def _source(launch: Launch) -> str:
    x, y, z = launch.grid
    return f"# grid {x}, {y}, {z}; {launch.warps} warps, {launch.stages} stages\n{launch.source}"
