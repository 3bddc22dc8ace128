"""Tiles are measured once, only where that is asked for, and remembered for the device."""

from __future__ import annotations

import pytest
from contraction_forms import matmul

from graphc import dtypes, knobs
from graphc.backends.triton_gpu.interpret.device import InterpretDevice
from graphc.backends.triton_gpu.source.contract import candidates
from graphc.backends.triton_gpu.tuning import Tuner
from graphc.errors import CompileError
from graphc.kernels.canonical import canonical


class Stopwatch:
    """A device on which the time of a tile is known."""

    name = "a stopwatch"

    def __init__(self, seconds, refused=(), has_maps=False, spilled=()):
        self.times, self.refused, self.asked = seconds, refused, 0
        self.spilled = spilled
        self.has_maps, self.processors = has_maps, 132
        self._host = InterpretDevice()
        self._current = 0

    def allocate(self, nbytes):
        return self._host.allocate(nbytes)

    def prepare(self, launches):
        self._current = launches[0].source
        if any(f"ROWS: tl.constexpr = {rows}" in self._current for rows in self.refused):
            raise CompileError("too large")
        return [lambda *_: None for _ in launches]

    def spills(self, launch):
        self.prepare([launch])
        return 8 * any(f"ROWS: tl.constexpr = {rows}\n" in launch.source for rows in self.spilled)

    def record(self, run):
        return run

    def seconds(self, run):
        run()
        self.asked += 1
        return self.times(self._current)


@pytest.fixture
def kernel():
    return canonical(matmul(512, 512, 512, "nn", dtypes.float32)).kernel


@pytest.fixture
def cache(tmp_path):
    with knobs.settings(cache_dir=str(tmp_path)):
        yield


@pytest.mark.usefixtures("cache")
def test_the_fastest_tile_is_taken_and_remembered(kernel):
    tiles = candidates(kernel)
    wanted = tiles[-1]
    marks = [f"{wanted.rows}", f"{wanted.columns}"]

    def seconds(source):
        return 1.0 if all(f"= {m}\n" in source for m in marks) else 2.0

    first = Tuner(Stopwatch(seconds))
    found = first.tile(kernel)
    assert found is not None
    assert (found.rows, found.columns) == (wanted.rows, wanted.columns)
    second = Tuner(Stopwatch(seconds))
    assert second.tile(kernel) == found
    assert second.device.asked == 0, "it is in the cache"


@pytest.mark.usefixtures("cache")
def test_noise_chooses_nothing(kernel):
    count = iter(range(10_000))
    assert (
        Tuner(Stopwatch(lambda _: 1.0 - 1e-6 * next(count))).tile(kernel) == candidates(kernel)[0]
    )


@pytest.mark.usefixtures("cache")
def test_nothing_is_measured_when_the_time_is_over(kernel):
    device = Stopwatch(lambda _: 1.0)
    with knobs.settings(tune_seconds=0):
        assert Tuner(device).tile(kernel) is None
    assert device.asked == 0


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("has_maps", [False, True])
def test_descriptors_are_tried_where_there_are_any(kernel, has_maps):
    device = Stopwatch(lambda source: 1.0 if "b0_ptr.load(" in source else 2.0, has_maps=has_maps)
    found = Tuner(device).tile(kernel)
    assert found is not None
    assert found.maps == has_maps


@pytest.mark.usefixtures("cache")
def test_all_tiles_are_compiled_together_but_those_that_are_remembered(kernel):
    device = Stopwatch(lambda _: 1.0, has_maps=True)
    batches = []
    device.prepare = lambda launches: (
        batches.append(launches) or [lambda *_: None for _ in launches]
    )
    other = canonical(matmul(256, 256, 512, "nn", dtypes.float32)).kernel
    tuner = Tuner(device)
    tuner.compile([kernel, other])
    (first,) = batches
    assert len(first) == len(candidates(kernel, 132)) + len(candidates(other, 132))
    tuner.tile(kernel)
    batches.clear()
    tuner.compile([kernel, other])
    assert [len(b) for b in batches] == [len(candidates(other, 132))]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("why", ["refused", "spilled"])
def test_what_the_chip_has_no_room_for_is_not_measured(kernel, why):
    usual, *others = candidates(kernel)
    rows = {t.rows for t in others} - {usual.rows}
    assert rows
    measured = []
    device = Stopwatch(lambda source: measured.append(source) or 1.0, **{why: rows})
    Tuner(device).tile(kernel)
    found = {int(source.partition("ROWS: tl.constexpr = ")[2].split()[0]) for source in measured}
    assert found == {usual.rows}
