"""Frontend tests state what is meant, so they run on the reference backend."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graphc.frontend import naming, seeds
from graphc.knobs import settings


@pytest.fixture(autouse=True)
def _reference() -> Iterator[None]:
    seeds.set_seed(1)
    naming.clear_session()
    with settings(backend="reference"):
        yield
