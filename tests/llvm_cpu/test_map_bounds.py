"""No kernel reads or writes outside its arrays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="pages are protected with mprotect")
def test_nothing_outside_arrays_is_touched() -> None:
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-m", "llvm_cpu.guarded_pages"]
    done = subprocess.run(command, cwd=tests, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
