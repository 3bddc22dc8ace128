"""Triton, imported so that `@triton.jit` functions run in its interpreter.

Triton decides that once for a process, when it is imported.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from types import ModuleType

from graphc.errors import MissingExtraError, ModeError
from graphc.knobs import environment


@cache
def interpreter() -> ModuleType:
    """`triton.runtime.interpreter`, mended.

    Raises:
        MissingExtraError: Triton is not installed.
        ModeError: it has been imported for compiling.
    """
    if "triton" in sys.modules and not sys.modules["triton"].knobs.runtime.interpret:
        raise ModeError(
            "Triton is loaded for compiling and cannot interpret in this process",
            fix='use target="triton_interpret" before anything imports triton, or set '
            "TRITON_INTERPRET=1",
        )
    with environment(TRITON_INTERPRET="1"):
        try:
            found = import_module("triton.runtime.interpreter")
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != "triton":
                raise
            raise MissingExtraError(
                "Triton is not installed", fix='pip install "graphc[gpu]"'
            ) from error
        sys.modules["triton"].knobs.runtime.interpret = True
    import_module("graphc.backends.triton_gpu.interpret.mend").mend(found)
    return found
