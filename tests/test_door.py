"""The door: every name is there, none costs anything before it is used."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import graphc as gx

LATE = ("llvmlite", "matplotlib", "triton", "networkx", "numpy", "tqdm")


@pytest.mark.parametrize("name", dir(gx))
def test_every_name_is_there(name):
    value = getattr(gx, name)
    assert value is vars(gx)[name]


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="graphc has no 'tensor'"):
        gx.tensor  # noqa: B018


def test_importing_loads_nothing():
    code = "import sys, graphc; print(*[m for m in sys.modules if '.' not in m])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not set(LATE) & set(loaded.stdout.split())


def test_import_is_instant():
    code = "import time; t = time.perf_counter(); import graphc; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            for _ in range(3)]  # fmt: skip
    assert min(float(run.stdout) for run in runs) < 0.15


def test_names_do_not_shadow_submodules():
    code = "import graphc.frontend, graphc.backends, pkgutil, graphc; print(*[m.name for m in " \
           "pkgutil.iter_modules(graphc.__path__)])"  # fmt: skip
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert set(modules.stdout.split()) & set(dir(gx)) == {"dtypes", "errors"}


def test_a_first_program():
    x = gx.placeholder((None,), name="x")
    y = gx.sum(x * x)
    f = gx.function(x, [y, gx.grad(y, x)], target="reference")
    value, gradient = f([1.0, 2.0])
    assert value == 5.0
    assert np.array_equal(gradient, [2.0, 4.0])
