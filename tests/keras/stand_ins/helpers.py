"""What Keras's tests import from their own conftest.py."""

from __future__ import annotations

import pytest


def skip_if_backend(*args: object) -> pytest.MarkDecorator:
    """graphc is none of the backends that tests name."""
    return pytest.mark.skipif(False, reason="another backend")
