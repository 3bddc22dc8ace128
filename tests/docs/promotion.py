"""The table of promotions in docs/dtypes.md: `python tests/docs/promotion.py` writes it anew."""

from __future__ import annotations

from pathlib import Path

from graphc import dtypes

PAGE = Path(__file__).parents[2] / "docs" / "dtypes.md"
BEGIN, END = "```text\n", "```\n<!-- end -->"
SHORT = {"bool": "bool", "uint": "u", "int": "i", "bfloat": "bf", "float": "f"}


def table() -> str:
    """One row and one column per dtype."""
    names = [_short(d) for d in dtypes.ALL]
    rows = [["", *names]]
    rows += [[_short(a), *(_short(dtypes.promote(a, b)) for b in dtypes.ALL)] for a in dtypes.ALL]
    return "".join("".join(cell.ljust(6) for cell in row).rstrip() + "\n" for row in rows)


def _short(dtype: dtypes.DType) -> str:
    word = dtype.name.rstrip("0123456789")
    return SHORT[word] + dtype.name.removeprefix(word)


def page_with(lines: str) -> str:
    """The page with another table."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + lines + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page_with(table()), encoding="utf-8")
