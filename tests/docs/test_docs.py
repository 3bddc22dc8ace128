"""The pages of docs/: their programs run, their links lead somewhere, their tables are true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .promotion import PAGE, page_with, table

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITH_CODE = [p for p in PAGES if CODE.search(p.read_text(encoding="utf-8")) and p.parent != ROOT]
FILE = re.compile(r"`((?:graphc|frontend|backends|tests|docs|examples)/[\w./]*)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")

NO_DOT = "Graphviz (dot) is not installed"
"""Pictures are drawn all the same; the page says so to a person who has no Graphviz."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_there_are_pages_with_code():
    assert {p.stem for p in WITH_CODE} >= {"tour", "add_an_op", "add_a_pass", "add_a_backend"}


@pytest.mark.parametrize("page", WITH_CODE, ids=name)
def test_programs_run(page, tmp_path):
    """All blocks of a page are one program, in a process of its own: they add to tables."""
    blocks = CODE.findall(page.read_text(encoding="utf-8"))
    script = tmp_path / f"{page.stem}.py"
    script.write_text("\n\n".join(blocks), encoding="utf-8")
    run = [sys.executable, "-W", "error", "-W", f"default:{NO_DOT}", str(script)]
    done = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_and_links_are_there(page):
    text = page.read_text(encoding="utf-8")
    missing = [f for f in FILE.findall(text) if not (ROOT / f).exists()]
    missing += [f for f in LINK.findall(text) if not (page.parent / f).exists()]
    assert missing == []


def test_the_table_of_promotions_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page_with(table()), "python tests/docs/promotion.py"


def test_every_decision_is_listed():
    folder = ROOT / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {p.name for p in folder.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_lines_are_not_too_long(page):
    lines = page.read_text(encoding="utf-8").split("\n")
    assert [n for n in lines if len(n) > 102 and not n.startswith("|")] == []


def test_the_readme_prints_what_it_says(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code, printed = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)[0]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    # The last digit may differ between processors.
    numbers = [[float(x) for x in re.findall(r"\d+\.\d+", t)] for t in (done.stdout, printed)]
    assert re.sub(r"[\d.]+", "", done.stdout) == re.sub(r"[\d.]+", "", printed)
    assert numbers[0] == pytest.approx(numbers[1], abs=2e-3)
    assert (tmp_path / "step.svg").is_file()
