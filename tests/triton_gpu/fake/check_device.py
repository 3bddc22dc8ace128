"""Memory, copies, launches, graphs."""

from __future__ import annotations

import gc
import os
import threading
from functools import partial

import numpy as np
import pytest

from graphc.backends.triton_gpu.run.cuda import CudaDevice
from graphc.errors import CompileError, DeviceError, OutOfMemoryError
from triton_gpu import sources
from triton_gpu.fake import driver


def fetched(gpu, memory, count, offset=0):
    found = np.empty(count, np.float32)
    gpu.read(memory.address + offset, found)
    return found


def expect(*words):
    """The fake driver complains of exactly this, which is then forgotten."""
    found = driver.complaints()
    driver.forget()
    assert len(found) == len(words)
    for word, line in zip(words, found):
        assert word in line


def test_what_it_is(gpu):
    assert gpu.name == "Fake GPU (sm_90)"
    assert (gpu.cc, gpu.processors, gpu.chip.shared_bytes) == (90, 132, 232448)


@pytest.mark.parametrize("count", [1, 1000, (1 << 20) - 16, 1 << 20, (5 << 20) + 3])
def test_arrays_may_change_as_soon_as_they_are_written(gpu, count):
    values = np.arange(count, dtype=np.float32)
    memory = gpu.allocate(values.nbytes)
    assert memory.address % 256 == 0
    gpu.write(memory.address, values)
    values[:] = -1
    np.testing.assert_array_equal(fetched(gpu, memory, count), np.arange(count, dtype=np.float32))


def test_many_small_arrays_wait_for_the_device(gpu):
    memory = gpu.allocate(4 * 10_000)
    for i in range(10_000):
        gpu.write(memory.address + 4 * i, np.float32([i]))
    assert fetched(gpu, memory, 10_000).tolist() == list(range(10_000))


def test_shapes_of_arrays(gpu):
    memory = gpu.allocate(0)
    gpu.write(memory.address, np.zeros((0, 3), np.float32))
    gpu.copy(memory.address, memory.address, 0)
    memory = gpu.allocate(2)
    gpu.write(memory.address, np.bool_(True))
    found = np.empty((), np.bool_)
    gpu.read(memory.address, found)
    assert found


def test_copies_inside(gpu, array):
    source, target = array(np.arange(100, dtype=np.float32)), array(np.zeros(100, np.float32))
    gpu.copy(target.address + 40, source.address, 200)
    np.testing.assert_array_equal(fetched(gpu, target, 50, 40), np.arange(50))


def test_launches(gpu, kernels, array):
    x, y = array(np.arange(5000, dtype=np.float32)), array(np.zeros(5000, np.float32))
    kernels["copy"]((5, 1, 1), (x.address, y.address), (5000,))
    assert fetched(gpu, y, 5000).tolist() == list(range(5000))
    kernels["row_sum"]((50, 1, 1), (x.address, y.address), (50, 100))
    sums = np.arange(5000, dtype=np.float32).reshape(50, 100).sum(axis=1)
    np.testing.assert_array_equal(fetched(gpu, y, 50), sums)
    kernels["wide"]((1, 1, 1), (x.address + 16, y.address), (7,))
    assert fetched(gpu, y, 7).tolist() == [4, 5, 6, 7, 8, 9, 10]


def test_more_shared_memory_than_usual(gpu, kernels, array):
    (binary,) = (k.binary for k in gpu._kernels.values() if k.binary.name == "matmul")
    assert binary.shared > 48 << 10
    a = array(np.zeros((1024, 1024), np.float32))
    before = driver.count("launches")
    kernels["matmul"]((8, 8, 1), (a.address,) * 3, (1024,))
    assert driver.count("launches") == before + 1


def test_no_programs_no_launch(kernels):
    before = driver.count("launches")
    for grid in ((0, 1, 1), (3, 0, 1), (1, 1, 0)):
        kernels["copy"](grid, (0, 0), (0,))
    assert driver.count("launches") == before


def test_recorded(gpu, kernels, array):
    x, y = array(np.zeros(64, np.float32)), array(np.zeros(64, np.float32))

    def run():
        kernels["copy"]((1, 1, 1), (x.address, y.address), (32,))
        gpu.copy(y.address + 128, x.address, 128)

    again = gpu.record(run)
    gpu.wait()
    assert fetched(gpu, y, 64).tolist() == [0] * 64
    before = driver.count("replays")
    for i in (1, 2, 3):
        gpu.write(x.address, np.full(64, i, np.float32))
        again()
        assert fetched(gpu, y, 64).tolist() == [i] * 64
    assert driver.count("replays") == before + 3


def test_what_is_recorded_keeps_its_code(gpu, array):
    x, y = array(np.ones(8, np.float32)), array(np.zeros(8, np.float32))
    launches = gpu.prepare([sources.copy(warps=2)])
    modules = driver.count("modules")
    places = x.address, y.address
    again = gpu.record(lambda: launches.pop()((1, 1, 1), places, (8,)))
    gc.collect()
    assert driver.count("modules") == modules
    again()
    assert fetched(gpu, y, 8).tolist() == [1] * 8
    del again
    gc.collect()
    assert driver.count("modules") == modules - 1


def test_a_recording_that_fails_leaves_the_device_as_it_was(gpu, kernels, array):
    def run():
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="middle"):
        gpu.record(run)
    with pytest.raises(AssertionError, match="copies from no array"):
        gpu.record(lambda: gpu.write(0, np.zeros(1)))
    x, y = array(np.ones(8, np.float32)), array(np.zeros(8, np.float32))
    kernels["copy"]((1, 1, 1), (x.address, y.address), (8,))
    assert fetched(gpu, y, 8).tolist() == [1] * 8


def test_memory_may_come_and_go_while_something_is_recorded(gpu, kernels, array):
    x, y = array(np.ones(8, np.float32)), array(np.zeros(8, np.float32))

    def run():
        gpu.allocate(100)
        kernels["copy"]((1, 1, 1), (x.address, y.address), (8,))

    gpu.record(run)()
    assert fetched(gpu, y, 8).tolist() == [1] * 8


def test_equal_launches_are_loaded_once(gpu, kernels):
    modules = driver.count("modules")
    again = gpu.prepare([sources.copy(), sources.copy()])
    assert len(again) == 2
    assert driver.count("modules") == modules


def test_seconds(gpu, kernels, array):
    x = array(np.zeros(32, np.float32))
    assert gpu.seconds(lambda: gpu.copy(x.address, x.address + 64, 64)) > 0


# ---------------------------------------------------------------------------- errors


def test_out_of_memory_names_the_sizes(gpu):
    with pytest.raises(OutOfMemoryError, match=r"2048.0 MiB asked for(.|\n)*of 1024.0 MiB"):
        gpu.allocate(2 << 30)


def test_memory_that_is_on_its_way_back_is_waited_for(gpu):
    held = gpu.allocate(700 << 20)
    address = held.address
    gpu.write(address, np.zeros(3, np.float32))
    del held
    assert driver.count("bytes") == 700 << 20, "the device has not come to it yet"
    assert gpu.allocate(800 << 20).address != address


def test_a_launch_that_is_refused_is_named(gpu, kernels, array):
    x = array(np.zeros(8, np.float32))
    with pytest.raises(DeviceError, match=r"copy cannot be launched(.|\n)*\(1, 65536, 1\)"):
        kernels["copy"]((1, 65536, 1), (x.address, x.address), (8,))


def test_a_failure_names_what_was_launched_last(gpu, kernels, array):
    x, y = array(np.zeros(8, np.float32)), array(np.zeros(8, np.float32))
    kernels["row_sum"]((1, 1, 1), (x.address, y.address), (1, 8))
    driver.fail("cuStreamSynchronize", 700)
    with pytest.raises(DeviceError, match=r"ILLEGAL_ADDRESS(.|\n)*row_sum(.|\n)*BLOCKING"):
        gpu.wait()


def test_code_that_the_driver_does_not_load(gpu):
    driver.fail("cuModuleLoadData", 200)
    with pytest.raises(DeviceError, match=r"cannot load copy(.|\n)*CUDA 13.0(.|\n)*older triton"):
        gpu.prepare([sources.copy(warps=1)])


def test_more_shared_memory_than_there_is(gpu):
    with pytest.raises(CompileError, match=r"matmul needs more(.|\n)*bytes for each"):
        gpu.prepare([sources.matmul(stages=9)])


def test_no_such_gpu():
    with pytest.raises(DeviceError, match="no such GPU"):
        CudaDevice(1)


# ---------------------------------------------------------------------------- mistakes


def test_mistakes_are_found(gpu, kernels, array):
    """What the other checks rely on: the fake driver sees what callers do wrong."""
    x, y = array(np.zeros(64, np.float32)), array(np.zeros(64, np.float32))
    places = x.address, y.address
    again = gpu.record(lambda: kernels["copy"]((1, 1, 1), places, (8,)))
    kernels["copy"]((1, 1, 1), (x.address + 4, y.address), (8,))
    expect("is not aligned")
    kernels["copy"]((1, 1, 1), (x.address + 4096, y.address), (8,))
    expect("is in no memory")
    gpu.copy(x.address, y.address + 200, 100)
    expect("go past the end")
    gpu.copy(x.address, x.address + 10, 20)
    expect("overlap")
    gpu.wait()
    address = x.address
    del x
    gpu.copy(y.address, address, 4)
    expect("has been freed")
    again()
    expect("cuGraphLaunch")
    gpu._free(address)
    expect("freed twice")
    gpu.turn.retire(lambda: gpu._cu.cuMemFreeHost(y.address))
    expect("was not allocated")


# ---------------------------------------------------------------------------- processes, threads


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_is_refused(gpu, kernels, array):
    x = array(np.ones(4, np.float32))
    child = os.fork()
    if child == 0:
        refused = 0
        for attempt in (
            gpu.wait,
            lambda: gpu.allocate(8),
            lambda: kernels["copy"]((1, 1, 1), (), ()),
        ):
            try:
                attempt()
            except DeviceError as error:
                refused += "forked" in str(error)
        del x
        gc.collect()
        os._exit(0 if refused == 3 and driver.count("memory") == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert fetched(gpu, x, 4).tolist() == [1] * 4


def test_threads_take_turns(gpu, kernels):
    problems = []

    def work(number):
        try:
            for i in range(40):
                values = np.full(3000, 100 * number + i, np.float32)
                x, y = gpu.allocate(values.nbytes), gpu.allocate(values.nbytes)
                gpu.write(x.address, values)
                run = partial(kernels["copy"], (3, 1, 1), (x.address, y.address), (3000,))
                gpu.record(run)() if i % 3 == 0 else run()
                assert (fetched(gpu, y, 3000) == values).all()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_thread_may_have_the_name_of_one_that_is_gone(gpu):
    names, problems = set(), []

    def work():
        names.add(threading.get_ident())
        try:
            gpu.wait()
        except BaseException as error:
            problems.append(error)

    for _ in range(9):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(names) < 9
    assert problems == []


def test_a_closed_device_has_given_everything_back(gpu):
    other = CudaDevice()
    memory = other.allocate(100)
    assert driver.count("pools") == 2
    del memory
    other.close()
    other.close()
    with pytest.raises(DeviceError, match="was closed"):
        other.wait()
