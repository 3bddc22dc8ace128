"""Loads a test file of Keras with every import of `keras` answered by graphc.

SERVED says which module stands for which area. What there is nothing for becomes a `Missing`, so
that a file can be loaded although some of its tests cannot run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from installed import packages

from graphc.frontend import layers
from graphc.frontend.models import Model, Sequential

# The area of keras.src, and what serves it and all files in it.
SERVED = {
    "activations": "graphc.frontend.activations",
    "backend": "stand_ins.backend",
    "callbacks": "graphc.frontend.callbacks",
    "constraints": "graphc.frontend.constraints",
    "dtype_policies": "stand_ins.dtype_policies",
    "initializers": "graphc.frontend.initializers",
    "layers": "stand_ins.layers",
    "losses": "graphc.frontend.losses",
    "metrics": "graphc.frontend.metrics",
    "models": "stand_ins.models",
    "ops": "stand_ins.ops",
    "optimizers": "stand_ins.optimizers",
    "random": "stand_ins.random",
    "regularizers": "graphc.frontend.regularizers",
    "saving": "graphc.frontend.saving.public",
    "testing": "stand_ins.testing",
    "trainers": "stand_ins.trainer",
    "utils": "graphc.frontend.utils",
}


# Names of Keras itself that tests use.
TOP = {"Input": layers.Input, "Layer": layers.Layer, "Model": Model, "Sequential": Sequential}
# What some files import that has nothing to do with layers, and no environment needs to have.
ABSENT = ("grain", "jax")
# Files of Keras that are run as they are: formulas that tests compute what they expect with.
AS_THEY_ARE = ("keras.src.backend.common.backend_utils", "keras.src.testing.test_utils")


# A mixin of Keras's backends, of which a file of tests makes its models.
TRAINER = "keras.src.backend.tensorflow.trainer"


class Missing:
    """A name of Keras that graphc has nothing for; using it is an error that says so."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Missing:
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self._name}.{name}")

    def __call__(self, *args: object, **kwargs: object) -> object:
        if _loading:  # Decorators, and what makes them, leave what they decorate as it is.
            return args[0] if args and callable(args[0]) else self
        raise NotImplementedError(f"graphc has nothing in place of {self._name}")

    def __mro_entries__(self, bases: object) -> tuple[type, ...]:
        return (object,)


_loading: list[str] = []


class StandIn(ModuleType):
    """A module of Keras: its names are those of the module that serves the area."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__name__.endswith("_test") or self.__name__ in AS_THEY_ARE:
            file = self.__name__.removeprefix("keras.src.").replace(".", "/")
            return getattr(load(f"{file}.py"), name)
        if self.__name__ == TRAINER:
            return vars(import_module("stand_ins.trainer"))["Trainer"]
        below = f"{self.__name__}.{name}"
        served = AREAS.get(".".join(self.__name__.split(".")[:3]))
        found = getattr(import_module(served), name, None) if served else None
        if found is None or (isinstance(found, ModuleType) and "stand_ins" not in found.__name__):
            if _is_module(below):
                return import_module(below)
            return TOP.get(name) or Missing(below)
        return found


def _is_module(name: str) -> bool:
    """Whether Keras has a file or folder of that name."""
    folder = packages()
    assert folder is not None, "a test file of Keras is being loaded"
    path = folder.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


AREAS = {f"{top}.{area}": m for top in ("keras", "keras.src") for area, m in SERVED.items()}


class Finder(MetaPathFinder, Loader):
    """Answers every import of keras, and of its test helpers, with a StandIn."""

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        ours = name.partition(".")[0] in ("keras", *ABSENT)
        return ModuleSpec(name, self, is_package=True) if ours else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextmanager
def graphc_as_keras() -> Iterator[None]:
    """Inside, `import keras` gives graphc, and other packages of Keras's environment are found."""
    finder, folder = Finder(), str(packages())
    before = {n: m for n, m in sys.modules.items() if _replaced(n)}
    for name in before:
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    sys.path.append(folder)
    sys.modules["conftest"] = import_module("stand_ins.helpers")
    try:
        yield
    finally:
        sys.path.remove(folder)
        sys.meta_path.remove(finder)
        for name in [n for n in sys.modules if _replaced(n)]:
            del sys.modules[name]
        sys.modules.update(before)


def _replaced(name: str) -> bool:
    return name.partition(".")[0] in ("conftest", "keras", *ABSENT)


@cache
def load(file: str) -> ModuleType:
    """A test file, such as losses/loss_test.py, as a module."""
    folder = packages()
    assert folder is not None, "load is called where Keras is installed"
    path = Path(folder, "keras", "src", file)
    module = ModuleType(f"keras_tests.{file.removesuffix('.py').replace('/', '.')}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    with graphc_as_keras():
        _loading.append(file)
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))
        _loading.pop()
    return module
