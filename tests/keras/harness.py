"""Runs test files of an installed Keras against graphc: `test_x = keras_tests({file: left_out})`.

`left_out` has a reason for each test that is expected to fail, by its name `Class.test` or a
pattern of such names; one that passes after all is an error, so the table stays true.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase

import pytest
from installed import packages
from loader import graphc_as_keras, load

from graphc.frontend.eager import eager
from graphc.knobs import settings

LeftOut = Mapping[str, str]


def keras_tests(files: Mapping[str, LeftOut]) -> Callable[..., None]:
    """A pytest function with one case per test of the files, relative to keras/src."""
    cases = [c for file, left_out in files.items() for c in _cases(file, left_out)]

    @pytest.mark.keras
    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("case", cases)
    def run(case: unittest.TestCase) -> None:
        with graphc_as_keras(), settings(backend="reference"), eager("reference"):
            case.debug()

    return run


def _cases(file: str, left_out: LeftOut) -> Iterator[object]:
    if packages() is None:
        skip = pytest.mark.skip(reason="Keras is not installed; set KERAS_PYTHON")
        yield pytest.param(None, marks=skip, id=file)
        return
    with graphc_as_keras():
        module = load(file)
        tests = unittest.defaultTestLoader.loadTestsFromModule(module)
        for case in _flat(tests):
            name = f"{type(case).__name__}.{case._testMethodName}"
            yield pytest.param(case, marks=_marks(case, name, left_out), id=f"{file}::{name}")


def _flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for entry in suite:
        if isinstance(entry, unittest.TestSuite):
            yield from _flat(entry)
        else:
            yield entry


def _marks(case: unittest.TestCase, name: str, left_out: LeftOut) -> list[pytest.MarkDecorator]:
    """The skips that the file itself asks for, and ours."""
    method = getattr(case, case._testMethodName)
    own = [*getattr(type(case), "pytestmark", ()), *getattr(method, "pytestmark", ())]
    marks = [m for m in own if m.name in ("skip", "skipif")]
    reason = next((r for p, r in left_out.items() if fnmatchcase(name, p)), None)
    if reason is not None:
        marks.append(pytest.mark.xfail(strict=True, reason=reason))
    return marks
