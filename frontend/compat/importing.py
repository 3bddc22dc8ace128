"""Finds modules below a namespace under any name that it has in sys.modules.

After `sys.modules["tensorflow"] = graphc.compat.tensorflow`, Python looks for tensorflow.keras like
for any module; what it finds is the very object that the namespace has.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import final

from .names import Namespace

ROOTS = {
    f"graphc.compat.{name}": f"graphc.frontend.compat.{name}" for name in ("tensorflow", "keras")
}


@final
class Finder(MetaPathFinder, Loader):
    """Finds the modules of namespaces, and the namespaces of ROOTS themselves."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for a module that this finder has; None leaves it to the next finder."""
        known = fullname in ROOTS or self._below(fullname) is not None
        return ModuleSpec(fullname, self, is_package=True) if known else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """None: Python makes an empty module, which `exec_module` replaces."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Put the module that is meant in the place of the empty one."""
        name = module.__name__
        if name in ROOTS:
            found: object = import_module(ROOTS[name]).NAMESPACE
        else:
            found = self._below(name)
        assert isinstance(found, ModuleType), "find_spec has found it"
        sys.modules[name] = found

    def _below(self, fullname: str) -> ModuleType | None:
        """The module of that name in a namespace, or in a module of one."""
        root, *parts = fullname.split(".")
        if root == "graphc":
            root, parts = ".".join([root, *parts[:2]]), parts[2:]
        found: object = sys.modules.get(root)
        if not isinstance(found, Namespace):
            return None
        for part in parts:
            found = vars(found).get(part) if isinstance(found, ModuleType) else None
        return found if isinstance(found, ModuleType) else None


def install() -> None:
    """Let Python ask the finder, before it looks at folders."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
