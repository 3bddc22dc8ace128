"""Which part may import which: frontend -> graphc <- backends, and one order inside graphc."""

from __future__ import annotations

import ast

import pytest
from source_tree import ROOT, Import, files, imports, package_of, relative

# Each group may import itself and what stands above it.
ORDER = (
    ("provenance", "errors", "knobs", "dtypes", "interrupts", "cache", "worker", "crew"),
    ("ir",),
    ("ops",),
    ("diff", "rewrite"),
    ("passes",),
    ("program", "single"),
    ("kernels",),
    ("schedule",),
    ("debug",),
    ("batches",),
    ("target", "compiler", "feed"),
)
RANK = {part: rank for rank, group in enumerate(ORDER) for part in group}

# The door, the way in to other libraries' names, and the command know the frontend; nothing else in
# graphc does.
DOORS = ("graphc/__init__.py", "graphc/compat/__init__.py", "graphc/__main__.py")

# Heavy or optional packages that are loaded on first use, one place each.
LATE = {
    "frontend/plots/figure.py": {"matplotlib"},
    "frontend/callbacks/tensorboard.py": {"tensorboardX"},
    "frontend/datasets/digits.py": {"sklearn"},
    "frontend/image/files.py": {"PIL"},
    "frontend/visualize/dot.py": {"graphviz"},
    "frontend/saving/hdf5.py": {"h5py"},
    "backends/llvm_cpu/host.py": {"llvmlite"},
    "backends/llvm_cpu/late.py": {"program"},
    "backends/triton_gpu/run/driver.py": {"cuda"},
}


def absolute(found: Import) -> str:
    """The module that is imported, in full."""
    if not found.level:
        return found.module
    parts = package_of(found.file).split(".")
    base = ".".join(parts[: len(parts) - found.level + 1])
    return f"{base}.{found.module}" if found.module else base


def part_of(module: str) -> str:
    """The part of graphc that a module belongs to: graphc.ops.leaf -> ops."""
    return module.split(".")[1] if module.startswith("graphc.") else ""


def targets(found: Import) -> list[str]:
    """The modules that an import may load; `from graphc import knobs` loads graphc.knobs."""
    module = absolute(found)
    return [f"graphc.{name}" for name in found.names] if module == "graphc" else [module]


OURS = [f for f in imports() if f.level or f.module.partition(".")[0] == "graphc"]


def offences(wrong):
    return [str(found) for found in OURS if wrong(found)]


def test_there_are_imports_to_check():
    assert len(OURS) > 100


def test_every_part_of_graphc_has_a_place():
    parts = {p.stem if p.is_file() else p.name for p in (ROOT / "graphc").iterdir()
             if p.suffix == ".py" or (p / "__init__.py").exists()}  # fmt: skip
    assert parts - {"__init__", "__main__", "compat"} == set(RANK)


def test_order_inside_graphc():
    def wrong(found):
        own = part_of(package_of(found.file) + "." + found.file.rpartition("/")[2][:-3])
        if found.file.startswith("graphc/") and own in RANK:
            return any(RANK.get(part_of(t), len(ORDER)) > RANK[own] for t in targets(found))
        return False

    assert offences(wrong) == []


def test_only_the_door_of_graphc_knows_the_frontend_and_nothing_a_backend():
    def wrong(found):
        outside = [t for t in targets(found) if part_of(t) in ("frontend", "backends")]
        return found.file.startswith("graphc/") and found.file not in DOORS and outside

    assert offences(wrong) == []


def test_frontend_and_backends_do_not_know_each_other():
    def wrong(found):
        own = {"frontend": "backends", "backends": "frontend"}.get(found.file.split("/")[0])
        return any(part_of(t) == own for t in targets(found)) if own else False

    assert offences(wrong) == []


def test_backends_do_not_import_one_another():
    def wrong(found):
        if not found.file.startswith("backends/"):
            return False
        own = package_of(found.file).split(".")[2:3]
        others = [t.split(".")[2:3] for t in targets(found) if part_of(t) == "backends"]
        return any(other != own for other in others)

    assert offences(wrong) == []


def test_nobody_goes_through_the_door():
    modules = {p.stem if p.suffix else p.name for p in (ROOT / "graphc").iterdir()}
    modules |= {"frontend", "backends"}

    def wrong(found):
        if not found.level and found.module == "graphc":
            return not found.names or not set(found.names) <= modules
        return False

    assert offences(wrong) == []


def test_relative_inside_a_folder_absolute_across():
    def wrong(found):
        if found.level:
            return found.level > 1
        return found.module.rpartition(".")[0] == package_of(found.file) != "graphc"

    assert offences(wrong) == []


@pytest.mark.parametrize("folder", ["graphc", "frontend", "backends", "tests", "examples"])
def test_folders_are_not_imported_by_their_bare_names(folder):
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            found += [f"{relative(path)}: {n}" for n in names
                      if n.split(".")[0] in ("frontend", "backends")]  # fmt: skip
    assert found == []


def test_imports_stand_at_the_top():
    late = [f for f in imports() if f.inside_function]
    wrong = [str(f) for f in late if f.module.split(".")[0] not in LATE.get(f.file, set())]
    assert wrong == []


def test_every_module_is_annotated_lazily():
    texts = {relative(p): p.read_text(encoding="utf-8") for p in files()}
    missing = [f for f, text in texts.items()
               if len(ast.parse(text).body) > 1
               and "from __future__ import annotations" not in text]  # fmt: skip
    assert missing == []
