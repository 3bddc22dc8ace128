"""The keys of what this backend keeps in the cache. Needs no LLVM."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from graphc import cache
from graphc.knobs import __file__ as knobs_file

BACKEND = Path(__file__).parent.parent


def key_of(*parts: str) -> str:
    """The key of an object made from these texts by this version of the generator and of LLVM."""
    return cache.key_of(version(), *parts)


@lru_cache(maxsize=1)
def version() -> str:
    """What else decides the object: LLVM, and the sources of the generator themselves."""
    kernels = Path(knobs_file).parent / "kernels"
    return f"{_llvm()} {cache.digest(sorted(BACKEND.rglob('*.py')) + sorted(kernels.glob('*.py')))}"


@lru_cache(maxsize=1)
def whole_version() -> str:
    """What else decides a compiled function: all of that, the rest of the compiler, and NumPy."""
    core = Path(knobs_file).parent
    others = (path for path in core.rglob("*.py") if path.parent.name != "debug")
    sources = [*sorted(others), *sorted((BACKEND.parent / "reference").glob("*.py"))]
    return f"{version()} {cache.digest(sources)} {np.__version__} {sys.version}"


def _llvm() -> str:
    """Which LLVM is installed, without loading it."""
    found = find_spec("llvmlite")
    if found is None or found.origin is None:
        return "none"
    here = Path(found.origin).parent
    libraries = [(p.name, p.stat().st_size) for p in sorted((here / "binding").glob("*llvmlite.*"))]
    return f"{(here / '_version.py').read_text(encoding='utf-8')} {libraries}"
