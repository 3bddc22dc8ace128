"""Functions over arrays of a device: pointers, order, what must live how long."""

from __future__ import annotations

import gc
import weakref
from functools import partial

import numpy as np
import pytest

import graphc as gx
from graphc import dtypes
from graphc.backends.triton_gpu.prepared import KNOWN_SEATS
from graphc.backends.triton_gpu.run.arrays import DeviceArray, aligned
from graphc.errors import FeedError, FeedTypeError
from triton_gpu.fake import driver


class Foreign:
    """An array of another library on a stream of its own; `by` is how it speaks."""

    def __init__(self, array, by):
        self.array, self.streams = array, []
        if by == "dlpack":
            self.__dlpack_device__ = array.__dlpack_device__
            self.__dlpack__ = partial(_capsule, self)
        else:
            self.__cuda_array_interface__ = array.__cuda_array_interface__


def _capsule(self, *, stream, **options):
    self.streams.append(stream)
    return self.array.__dlpack__(stream=stream, **options)


@pytest.fixture
def f(gpu):
    x, y = gx.placeholder((None,), name="x"), gx.placeholder((None,), name="y")
    made = gx.function([x, y], x * 2.0 + y, target="triton_gpu", on_device=True)
    yield made
    forgotten(made)
    gpu.wait()


def forgotten(made):
    """Nothing of a function is left on the device."""
    gc.collect()
    made.executable._prepared.clear()
    for name in ("_flags", "_arena", "_constants", "_current"):
        setattr(made.executable, name, None)


ROW = np.arange(64, dtype=np.float32)


@pytest.mark.parametrize("by", ["dlpack", "interface"])
def test_kernels_get_their_pointers_and_nothing_goes_over_the_bus(gpu, f, ours, by):
    a, b = ours(ROW), ours(ROW + 1)
    copies = driver.count("copies")
    for turn in range(1, 4):
        made = f(Foreign(a, by), Foreign(b, by))
        assert isinstance(made, DeviceArray)
        assert driver.given(made.address) == turn - 1, "nobody waits for the device"
        gpu.wait()
        assert [driver.given(x.address) for x in (a, b, made)] == [turn] * 3
        del made
    assert driver.count("copies") == copies


def test_addresses_that_come_again_are_replayed(gpu, f, ours):
    a, b = ours(ROW), ours(ROW + 1)
    replays = driver.count("replays")
    for turn in range(4):
        f(a, b)
        assert driver.count("replays") - replays == turn
    gpu.wait()


def test_addresses_that_never_come_again_record_nothing(gpu, f, ours):
    replays, graphs = driver.count("replays"), driver.count("graphs")
    kept = [ours(ROW) for _ in range(20)]
    for x in kept:
        f(x, x)
    gpu.wait()
    assert (driver.count("replays"), driver.count("graphs")) == (replays, graphs)
    assert all(driver.given(x.address) == 2 for x in kept)
    assert len(next(iter(f.executable._prepared.values())).seats) <= KNOWN_SEATS


def test_the_writer_is_waited_for(gpu, f, ours):
    foreign = Foreign(ours(ROW), "dlpack")
    f(foreign, foreign)
    assert foreign.streams == [int(gpu.stream)] * 2


@pytest.mark.parametrize("by", ["dlpack", "interface"])
def test_their_memory_lives_until_the_launches_that_read_it_are_done(gpu, f, ours, by):
    foreign = Foreign(ours(ROW), by)
    address, alive = foreign.array.address, weakref.ref(foreign.array)
    made = f(foreign, foreign)
    del foreign
    gc.collect()
    assert alive() is not None
    assert driver.given(address) == 0, "the launch still waits"
    gpu.wait()
    gc.collect()
    assert alive() is None
    assert driver.given(address) == 2
    assert made.shape == (64,)


def test_a_later_call_lets_go_of_what_is_done(gpu, f, ours):
    first = Foreign(ours(ROW), "dlpack")
    alive = weakref.ref(first.array)
    f(first, first)
    del first
    gc.collect()
    made = f(ROW, ROW)
    assert alive() is not None
    made.numpy()
    gc.collect()
    assert alive() is None


def test_results_are_not_written_again_while_somebody_has_them(gpu, f):
    held = [f(ROW, ROW) for _ in range(5)]
    capsule = held[0].__dlpack__(max_version=(1, 0))
    address = held[0].address
    assert len({m.address for m in held}) == 5
    held.clear()
    gc.collect()
    more = [f(ROW, ROW) for _ in range(4)]
    assert address not in {m.address for m in more}
    del capsule
    gc.collect()
    more += [f(ROW, ROW) for _ in range(4)]
    gpu.wait()
    assert len({m.address for m in more}) == 8


def test_a_loop_over_results_alternates_between_two_recordings(gpu, f, ours):
    b = ours(ROW)
    made, addresses = f(b, b), set()
    replays = driver.count("replays")
    for _ in range(8):
        made = f(made, b)
        addresses.add(made.address)
    assert len(addresses) == 2
    assert driver.count("replays") - replays >= 5
    gpu.wait()


def test_what_is_not_aligned_is_copied_on_the_device(gpu, f, ours):
    whole = ours(np.arange(65, dtype=np.float32))
    late = DeviceArray((64,), dtypes.float32, gpu, whole.address + 4, whole)
    copies = driver.count("copies")
    f(late, late)
    gpu.wait()
    assert driver.given(late.address) == 0
    assert driver.count("copies") == copies
    again = aligned(late, 16)
    assert again.address % 16 == 0
    np.testing.assert_array_equal(again.numpy(), np.arange(1, 65))


def test_results_for_the_host_from_arrays_of_the_device(gpu, ours):
    x = gx.placeholder((None,), name="x")
    g = gx.function(x, x + 1.0, target="triton_gpu")
    a = ours(ROW)
    copies = driver.count("copies")
    assert isinstance(g(a), np.ndarray)
    assert driver.count("copies") == copies + 1, "the result"
    assert driver.given(a.address) == 1
    forgotten(g)
    gpu.wait()


def test_other_dtypes_and_gaps_are_refused(f, ours):
    with pytest.raises(FeedTypeError, match="takes another array"):
        f(ours(np.arange(64)), ours(ROW))
    facts = {"shape": (32,), "typestr": "<f4", "data": (4096, False), "strides": (8,)}
    strided = Foreign(ours(ROW), "interface")
    strided.__cuda_array_interface__ = {**facts, "version": 3}
    with pytest.raises(FeedError, match="not contiguous"):
        f(strided, ours(ROW[:32]))


def test_a_bundle_is_one_launch_also_where_it_is_recorded(gpu, ours):
    """With more pointers than registers of a program, and kilobytes of arguments."""
    xs = [gx.placeholder((n,), name=f"x{n}") for n in range(1, 17)]
    ys = [gx.placeholder((n,), name=f"y{n}") for n in range(1, 17)]
    g = gx.function(
        [*xs, *ys], [x * y + n for n, (x, y) in enumerate(zip(xs, ys))],
        target="triton_gpu", on_device=True,
    )  # fmt: skip
    given = [ours(np.ones(n % 16 + 1, np.float32)) for n in range(32)]
    launches = driver.count("launches")
    for turn in range(3):
        made = g(*given)
        gpu.wait()
        assert [driver.given(x.address) for x in given] == [turn + 1] * 32
    assert driver.count("launches") - launches == 3, "one for each call, or its recording"
    assert len({m.address for m in made}) == 16
    forgotten(g)
    gpu.wait()
