"""The package list of pyproject.toml names every folder with modules, and nothing else."""

from __future__ import annotations

import tomllib

from source_tree import ROOT, files, package_of, relative


def test_every_folder_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = set(project["tool"]["setuptools"]["packages"])
    assert packages == {package_of(relative(path)) for path in files()}
