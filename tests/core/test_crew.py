"""Worker processes: what they answer, and what happens when they do not."""

from __future__ import annotations

import sys

import pytest

from graphc.crew import Crew, Trade, worker_count
from graphc.errors import CompileError
from graphc.knobs import settings

PROGRAM = """
import os, pathlib
def worker(folder):
    def work(task):
        word = task.decode()
        print("noise, which is no answer")
        marks = pathlib.Path(folder)
        if word == "refuse":
            raise RuntimeError("not this one")
        if word == "die" or (word == "die once" and not (marks / "died").exists()):
            (marks / "died").touch()
            os._exit(1)
        return word.upper().encode()
    return work
"""


@pytest.fixture
def trade(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def refused(reason, task):
        return CompileError("refused", received=f"{reason}: {task.decode()}")

    return Trade(program, (str(tmp_path),), lambda _: 1.0, 0.01, refused)


def answers(trade, *words, **options):
    with settings(compile_jobs=3), Crew(trade, **options) as crew:
        for word in words:
            crew.add(word.encode())
        return [answer.decode() for answer in crew.finish()]


@pytest.mark.parametrize("expected", [0.0, 9.0])
def test_answers_come_in_order(trade, expected):
    words = [f"word {i}" for i in range(9)]
    assert answers(trade, *words, expected=expected) == [word.upper() for word in words]


def test_no_tasks(trade):
    assert answers(trade) == []


def test_a_task_that_is_refused(trade):
    with pytest.raises(CompileError, match="not this one: refuse"):
        answers(trade, "a", "refuse", "b")


def test_another_worker_does_what_one_died_over(trade):
    assert answers(trade, "a", "die once", "b") == ["A", "DIE ONCE", "B"]


def test_a_task_that_workers_die_over_is_given_up(trade):
    with pytest.raises(CompileError, match="has died: die"):
        answers(trade, "a", "die", "b")


def test_no_worker_can_start(trade, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(CompileError, match="no worker process"):
        answers(trade, "a")


def test_leaving_ends_the_workers(trade):
    with settings(compile_jobs=2), Crew(trade) as crew:
        for i in range(50):
            crew.add(f"{i}".encode())
    assert all(not thread.is_alive() for thread in crew._crew)


def test_there_is_always_a_worker_where_only_they_can(trade):
    with settings(compile_jobs=1):
        assert worker_count(trade, 0.0) == 1
    with settings(compile_jobs=5):
        assert worker_count(trade, 0.0) == 5
