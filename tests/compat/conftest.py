"""`tf` is graphc.compat.tensorflow, in eager mode for one test."""

from __future__ import annotations

import importlib
import sys

import pytest

from graphc.frontend.compat import mode


@pytest.fixture
def tf():
    importlib.import_module("graphc.compat.tensorflow")
    module = sys.modules["graphc.compat.tensorflow"]
    mode.stop()
    with mode.running():
        yield module
