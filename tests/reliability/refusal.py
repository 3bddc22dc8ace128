"""What every test of this folder asks of an error: its class, its words, and the user's line."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from graphc.errors import GraphcError


def refused(run: Callable[[], object], error: type[GraphcError], words: str) -> str:
    """Assert that a call is refused in these words, naming a line of a test; the whole text."""
    with pytest.raises(error, match=words) as caught:
        run()
    text = str(caught.value)
    assert re.search(r"^  at \S*tests/reliability/\w+\.py:\d+: ", text, re.MULTILINE), text
    return text
