"""Peers in processes of their own: they answer, and fail without a traceback here."""

from __future__ import annotations

import sys

import pytest

from benchmarks.peers.environments import python_of
from benchmarks.peers.process import Process
from benchmarks.turns import Turns


@pytest.fixture
def start():
    made = []

    def one(name, python=sys.executable):
        made.append(Process(name, python, 1))
        return made[-1]

    yield one
    for process in made:
        process.close()


def test_graphc_answers(start):
    process = start("graphc")
    reply = process.ask("prepare", workload="W1", train=False, batch=1, label="one")
    assert reply["answer"] > 0
    assert "llvmlite" in reply["versions"]
    process.pause()
    seconds = Turns(0.01, {}).take(process, "one")
    assert seconds is not None
    assert 0 < seconds < 1
    process.resume()
    assert process.ask("memory")["bytes"] > 1e6


def test_failures_are_answers(start):
    process = start("torch")
    assert "error" in process.ask("time", seconds=0.0, label="nothing prepared")
    assert "within" in process.ask("memory", within=0.0)["error"]
    turns = Turns(0.0, {})
    assert turns.take(start("torch", "true")) is None
    assert turns.failed == {"torch": "the process ended: status 0"}


def test_interpreters_are_found(tmp_path):
    (tmp_path / "one" / "lib" / "python3.11" / "site-packages" / "pytensor").mkdir(parents=True)
    assert python_of("graphc", {}, None) == sys.executable
    assert python_of("pytensor", {}, str(tmp_path)) == str(tmp_path / "one" / "bin" / "python")
    assert python_of("pytensor", {"pytensor": "/a/python"}, str(tmp_path)) == "/a/python"
    assert python_of("pytensor", {}, None) is None
