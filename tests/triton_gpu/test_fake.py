"""The device side on a machine without a GPU: checks that run against a driver of our own.

Each file of `fake/` is run by a pytest of its own, in a process that finds that driver.
"""

from __future__ import annotations

from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parent / "fake").glob("check_*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_on_the_fake_driver(file, python):
    print(python("-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)))
