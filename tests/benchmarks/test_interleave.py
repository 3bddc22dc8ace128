"""Rounds, medians and ratios."""

from __future__ import annotations

from benchmarks.interleave import best, interleaved, medians, ratio

ROUNDS = {"a": [1.0, 4.0, 9.0], "b": [2.0, 2.0, 3.0], "c": [3.0, 8.0, 27.0]}


def test_everybody_takes_turns():
    order = []

    def turn(name):
        order.append(name)
        return float(len(order))

    found = interleaved({n: lambda n=n: turn(n) for n in "ab"}, 2)
    assert order == ["a", "b", "a", "b"]
    assert found == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


def test_who_fails_is_left_out():
    answers = iter([1.0, None])
    found = interleaved({"a": lambda: 5.0, "b": lambda: next(answers)}, 3)
    assert found == {"a": [5.0, 5.0, 5.0]}


def test_ratio_is_of_rounds_not_of_medians():
    assert medians(ROUNDS) == {"a": 4.0, "b": 2.0, "c": 8.0}
    assert ratio(ROUNDS, "c", "a") == 3.0  # the medians alone say 2


def test_best():
    assert best(ROUNDS, but="b") == "a"
    assert best({"b": [1.0]}, but="b") is None
