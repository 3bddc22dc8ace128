"""Runs the code of slides: `import tensorflow` is graphc, in eager mode, for one test."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

from graphc.frontend.compat import mode
from graphc.frontend.naming import clear_session
from graphc.frontend.seeds import set_seed

from .slides import Slides

ALIASES = ("tensorflow", "keras")


@pytest.fixture
def slides(monkeypatch, tmp_path, capsys):
    """`slides("T5", name=value, ...)` runs a snippet; it answers its names and what it printed."""
    monkeypatch.chdir(tmp_path)
    known = set(sys.modules)
    for name in ALIASES:
        module = importlib.import_module(f"graphc.compat.{name}")
        monkeypatch.setitem(sys.modules, name, module)
    # The import has made eager mode the standard; here it is that for one test.
    mode.stop()
    clear_session()
    set_seed(0)
    np.random.seed(0)
    with mode.running():
        yield Slides(capsys)
    # What was imported below an alias is not there without it.
    for name in set(sys.modules) - known:
        if name.partition(".")[0] in ALIASES:
            del sys.modules[name]
