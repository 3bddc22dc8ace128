"""Where Keras is: in the environment of the Python that KERAS_PYTHON names, or in this one.

Its files are only read, never imported here; real Keras runs in a process of its own (oracle.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

PYTHON = os.environ.get("KERAS_PYTHON", sys.executable)
_WHERE = "import sysconfig; print(sysconfig.get_path('purelib'))"


@cache
def packages() -> Path | None:
    """The folder of installed packages that has Keras with its tests; None where there is none."""
    if not Path(PYTHON).exists():
        return None
    answer = subprocess.run([PYTHON, "-c", _WHERE], capture_output=True, text=True, check=True)
    folder = Path(answer.stdout.strip())
    return folder if (folder / "keras" / "src" / "losses" / "loss_test.py").exists() else None
