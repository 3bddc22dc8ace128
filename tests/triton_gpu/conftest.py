"""The kernels of sources.py are compiled once; the fake driver is built once."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from graphc.knobs import settings

HERE = Path(__file__).parent
collect_ignore_glob = [] if sys.platform == "linux" else ["*"]
"""Triton is to be had for Linux alone."""


@pytest.fixture(scope="session")
def kernels_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def kept_kernels(kernels_folder):
    """A cache that all tests share."""
    with settings(cache_dir=str(kernels_folder)):
        yield kernels_folder


@pytest.fixture(scope="session")
def fake_driver(tmp_path_factory):
    """The folder of a libcuda.so.1 that checks what it is asked."""
    folder = tmp_path_factory.mktemp("driver")
    headers = Path(find_spec("triton").origin).parent / "backends" / "nvidia" / "include"
    library = folder / "libcuda.so.1"
    words = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-Wno-misleading-indentation"]
    words += ["-I", headers, "-o", library, HERE / "fake_libcuda.c", "-ldl", "-lpthread"]
    subprocess.run(words, check=True)
    return folder


@pytest.fixture
def python(kernels_folder, fake_driver):
    """Runs Python in a process of its own, with the fake driver unless that is not wanted."""

    def run(*words, driver=True, **changes):
        environment = {**os.environ, "GRAPHC_CACHE_DIR": str(kernels_folder), **changes}
        environment["PYTHONPATH"] = str(HERE.parent)
        if driver:
            environment["LD_LIBRARY_PATH"] = str(fake_driver)
        done = subprocess.run(
            [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
