"""What a diagnosis says: findings, each with its evidence and advice."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import final

from .advice import ADVICE, Label


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict: what it is, why, and at which epoch (counted from 0) if at one."""

    label: Label
    evidence: str
    epoch: int | None = None

    @property
    def advice(self) -> tuple[str, ...]:
        """What helps, most of all first."""
        return ADVICE[self.label]

    def __str__(self) -> str:
        lines = [f"{self.label}", f"  {self.evidence}", *(f"  - {text}" for text in self.advice)]
        return "\n".join(
            part
            for line in lines
            for part in textwrap.wrap(line, 96, subsequent_indent="    ", initial_indent="")
        )


@final
@dataclass(frozen=True, slots=True)
class Report:
    """All findings, the most important first. As text it is a page for people.

    `best_epoch` is the epoch (from 0) at which the curve that counts was best: that of validation,
    or else of training.
    """

    findings: tuple[Finding, ...]
    best_epoch: int | None = None

    @property
    def label(self) -> Label:
        """The most important verdict."""
        return self.findings[0].label

    @property
    def labels(self) -> tuple[Label, ...]:
        """All verdicts."""
        return tuple(finding.label for finding in self.findings)

    @property
    def advice(self) -> tuple[str, ...]:
        """All advice, each piece once."""
        return tuple(dict.fromkeys(text for finding in self.findings for text in finding.advice))

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.findings))
