"""One small training, in a process of its own, whose bits all others must have as well."""

from __future__ import annotations

import pytest

from .process import TRAIN, run


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A cache that the first program fills, under a path with spaces and letters of all kinds."""
    return tmp_path_factory.mktemp("a cache für 漢字")


@pytest.fixture(scope="session")
def bits(folder):
    """What training answers in a process with a cold cache."""
    return run(TRAIN, GRAPHC_CACHE_DIR=folder)
