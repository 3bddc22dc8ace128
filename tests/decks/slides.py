"""The code of the slides as data: where it is, and how it is run."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "snippets"
NAMES = sorted(p.stem for p in FOLDER.glob("T*.txt"))


def code_of(name: str) -> str:
    """The code of a snippet; lines for a notebook only are left out."""
    lines = (FOLDER / f"T{int(name[1:]):02}.txt").read_text(encoding="utf-8").split("\n")
    return "\n".join(line for line in lines if not line.startswith("%"))


class Ran(dict):
    """The names that a snippet has given values, and what it printed."""

    printed: str = ""

    def __getattr__(self, name: str) -> object:
        return self[name]


class Slides:
    """Runs snippets one after the other; each begins with the names that it is given."""

    def __init__(self, capsys) -> None:
        self.capsys = capsys

    def __call__(self, name: str, **given: object) -> Ran:
        names = Ran(given)
        self.capsys.readouterr()
        exec(compile(code_of(name), f"{name}.txt", "exec"), names)
        names.printed = self.capsys.readouterr().out
        return names
