"""Tuning: which form is chosen for which times, what is remembered, and that results stay right."""

from __future__ import annotations

import numpy as np
import pytest
from contraction_forms import Conv, matmul

import graphc as gx
from graphc import cache, knobs
from graphc.backends.llvm_cpu.contract.tile import Tile
from graphc.backends.llvm_cpu.host import host
from graphc.backends.llvm_cpu.tuning import choice as choices
from graphc.backends.llvm_cpu.tuning.choice import USUAL, Choice, Work, candidates, decoded
from graphc.backends.llvm_cpu.tuning.measure import MOST_BYTES, Trial, sizes_of
from graphc.backends.llvm_cpu.tuning.tuner import Tuner, fastest
from graphc.ir.dim import named
from graphc.kernels.printer import show

B = named("batch")
PRODUCT = Work(matmul(B, 100, 70), host())
CONVOLUTION = Work(Conv(B, (14, 14), 64, 64, (3, 3), pad=1).forward(), host())


class Clock:
    """Time passes only where a form is measured; `seconds` are those of forms by number."""

    def __init__(self, *seconds: float, otherwise: float = 1.0) -> None:
        self.now, self.kernels = 0.0, 0
        self.seconds, self.otherwise = seconds, otherwise

    def __call__(self) -> float:
        return self.now

    def trial(self, _work, known):
        self.kernels += 1
        times = dict.fromkeys(known, self.otherwise) | dict(zip(known, self.seconds))

        def measure(form: Choice) -> float:
            self.now += times[form]
            return times[form]

        return measure

    def tuner(self) -> Tuner:
        return Tuner(self, self.trial)


def ask(tuner: Tuner, work: Work = PRODUCT) -> Choice:
    return tuner.choice(work, show(work.kernel))


@pytest.fixture(autouse=True)
def own_cache(tmp_path):
    with knobs.settings(cache_dir=str(tmp_path), tune=True):
        yield


FORMS = [USUAL, Choice(Tile(1, 8, 3)), Choice(Tile(1, 14, 2))]


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        ((1.0, 1.1, 1.2), 0),
        ((1.0, 0.5, 0.4), 2),
        ((1.0, 0.5, 0.6), 1),
        ((1.0, 0.96, 1.2), 0),  # no gain to be sure of
        ((9.0, 9.0, 1.0), 2),  # the usual form is measured however slow it is
    ],
)
def test_the_shortest_time_wins(seconds, wanted):
    clock = Clock(*seconds)
    assert fastest(FORMS, clock.trial(PRODUCT, FORMS), clock) == FORMS[wanted]


def test_hopeless_forms_are_measured_twice_only():
    asked: list[Choice] = []

    def measure(form: Choice) -> float:
        asked.append(form)
        return 5.0 if form == FORMS[1] else 1.0

    fastest(FORMS, measure, iter(range(10_000)).__next__)
    assert asked.count(FORMS[1]) == 2
    assert asked.count(FORMS[2]) > 2


def test_a_winner_is_remembered_by_other_processes():
    found = ask(Clock(1.0, 0.5).tuner())
    assert found == candidates(PRODUCT)[1]
    other = Clock(1.0)
    assert ask(other.tuner()) == found
    assert other.kernels == 0


def test_a_damaged_entry_is_measured_again(monkeypatch):
    ask(Clock(1.0, 0.5).tuner())
    empty = Choice(Tile(0, 1, 1)).encoded()
    for data in (b"", b"[1]", b"3", b'{"outer": 1}', empty, b"\xff"):
        assert decoded(data) is None, data
        monkeypatch.setattr(cache, "lookup", lambda *_, data=data: data)
        again = Clock(1.0, 1.0, 0.5)
        assert ask(again.tuner()) == candidates(PRODUCT)[2]
        assert again.kernels == 1


def test_a_form_that_the_kernel_cannot_have_is_measured_again(monkeypatch):
    monkeypatch.setattr(choices, "plan_of", lambda *_: None)
    assert not choices.is_possible(PRODUCT, FORMS[1])
    assert choices.is_possible(PRODUCT, USUAL)


def test_nothing_is_written_without_a_cache(tmp_path):
    with knobs.settings(cache=False):
        tuner = Clock(1.0, 0.5).tuner()
        assert ask(tuner) != USUAL
        assert ask(tuner) != USUAL, "this process remembers"
    assert not list(tmp_path.rglob("*.o"))


def test_after_the_time_is_spent_kernels_are_done_as_usual():
    clock = Clock(1.0, 0.5)
    tuner = clock.tuner()
    with knobs.settings(tune_seconds=1):
        assert ask(tuner) != USUAL
        assert ask(tuner, CONVOLUTION) == USUAL
    assert clock.kernels == 1
    with knobs.settings(tune_seconds=10**6):
        assert ask(tuner, CONVOLUTION) != USUAL, "what was not measured is not remembered"


@pytest.mark.parametrize("work", [PRODUCT, CONVOLUTION], ids=["product", "convolution"])
def test_choices_survive_their_encoding(work):
    known = candidates(work)
    assert known[0] == USUAL
    assert len(known) == len(set(map(str, known))) > 2
    for form in known:
        assert decoded(form.encoded()) == form


def test_candidates_of_a_winograd_convolution_are_direct():
    direct = candidates(CONVOLUTION)
    with knobs.settings(exact_convolution=True):
        exact = candidates(CONVOLUTION)
    assert set(exact) < set(direct)
    assert len(direct) == len(exact) + 1, "the usual direct form is no longer the usual one"


def test_arrays_of_a_trial_are_not_too_large():
    large = matmul(B, 4096, 1 << 20)
    assert sizes_of(PRODUCT.kernel) == {"batch": 32}
    assert 1 <= sizes_of(large)["batch"] * (4096 + (1 << 20)) * 4 <= 2 * MOST_BYTES


def test_every_form_can_be_timed():
    known = candidates(PRODUCT)
    trial = Trial(PRODUCT, known)
    assert all(trial.seconds(form) > 0 for form in known)


def test_every_form_computes_the_same_products(monkeypatch, tmp_path):
    x, w = gx.placeholder((None, 70), name="x"), gx.placeholder((70, 100), name="w")
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((33, 70), (70, 100)))
    for number in range(3):
        tuner = Clock(*(1.0 if i != number else 0.1 for i in range(9))).tuner()
        monkeypatch.setattr("graphc.backends.llvm_cpu.kernels.TUNER", tuner)
        with knobs.settings(cache_dir=str(tmp_path / str(number))):
            f = gx.function([x, w], x @ w)
        np.testing.assert_allclose(f(a, b), a @ b, rtol=1e-4, atol=1e-4)
        assert ("tuned: tile" in f.explain()) == (number > 0)


def test_without_the_switch_nothing_measured_is_used(monkeypatch):
    tuner = Clock(1.0, 0.1).tuner()
    monkeypatch.setattr("graphc.backends.llvm_cpu.kernels.TUNER", tuner)
    x, w = gx.placeholder((None, 70), name="x"), gx.placeholder((70, 100), name="w")
    f = gx.function([x, w], x @ w)
    with knobs.settings(tune=False):
        g = gx.function([x, w], x @ w)
    assert "tuned: tile" in f.explain()
    assert "tuned: tile" not in g.explain()
