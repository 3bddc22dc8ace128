"""The examples in docstrings run and print what they say, on the reference backend."""

from __future__ import annotations

import doctest
import importlib

import pytest
from source_tree import files, package_of, relative

from graphc.knobs import settings


def modules():
    for path in files():
        file = relative(path)
        if ">>>" in path.read_text(encoding="utf-8"):
            stem = file.rpartition("/")[2][:-3]
            yield package_of(file) + ("" if stem == "__init__" else f".{stem}")


@pytest.mark.parametrize("name", list(modules()))
def test_examples(name):
    module = importlib.import_module(name)
    with settings(backend="reference"):
        result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.attempted
    assert not result.failed
