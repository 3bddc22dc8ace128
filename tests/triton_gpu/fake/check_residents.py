"""Variables on a device: which copy is the present value, when it moves, and when it dies."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from graphc.backends.triton_gpu.run.residents import Residents
from graphc.compiler import function
from graphc.frontend.eager import eager
from graphc.ops.variable import variable
from triton_gpu.fake import driver

START = np.arange(6, dtype=np.float32)


@pytest.fixture
def residents(gpu):
    made = Residents(gpu)
    yield made
    made._copies.clear()


@pytest.fixture
def w():
    made = variable(START, name="resident")
    yield made
    assert made.numpy() is not made.storage, "the value comes home"


def add_on_device(gpu, residents, kernels, w):
    """What a call does that doubles the value: w := w + w, by sums of rows of two."""
    (address,) = residents.bring([w])
    pairs, result = gpu.allocate(2 * w.nbytes), gpu.allocate(w.nbytes)
    for i in range(6):
        gpu.copy(pairs.address + 8 * i, address + 4 * i, 4)
        gpu.copy(pairs.address + 8 * i + 4, address + 4 * i, 4)
    kernels["row_sum"]((6, 1, 1), (pairs.address, result.address), (6, 2))
    gpu.copy(address, result.address, w.nbytes)
    residents.changed([w])
    w.changed()  # as `graphc.compiler.Function` does after every call


@pytest.fixture
def double(gpu, residents, kernels, w):
    return lambda: add_on_device(gpu, residents, kernels, w)


class Counted:
    """A device that counts what goes over the bus."""

    def __init__(self, gpu):
        self.gpu, self.written, self.fetched = gpu, 0, 0

    def allocate(self, nbytes):
        return self.gpu.allocate(nbytes)

    def write(self, address, array):
        self.written += 1
        self.gpu.write(address, array)

    def read(self, address, array):
        self.fetched += 1
        self.gpu.read(address, array)


def test_calls_leave_the_value_on_the_device(gpu, kernels, w):
    device = Counted(gpu)
    residents = Residents(device)
    for _ in range(4):
        add_on_device(gpu, residents, kernels, w)
    assert (device.written, device.fetched) == (1, 0)
    assert w.numpy().tolist() == (16 * START).tolist()
    assert w.numpy().tolist() == (16 * START).tolist()
    assert (device.written, device.fetched) == (1, 1)
    add_on_device(gpu, residents, kernels, w)
    assert (device.written, device.fetched) == (1, 1), "reading leaves the copy as new as it was"
    assert w.storage.tolist() == (32 * START).tolist()


def test_a_value_from_the_host_replaces_the_copy(w, double):
    double()
    w.assign(np.ones(6))
    assert w.numpy().tolist() == [1] * 6
    double()
    assert w.numpy().tolist() == [2] * 6
    w.storage[2] = 7
    w.changed()
    double()
    assert w.numpy().tolist() == [4, 4, 14, 4, 4, 4]
    with eager():
        w.assign_add(np.ones(6))
    double()
    assert w.numpy().tolist() == [10, 10, 30, 10, 10, 10]


def test_a_value_that_is_replaced_is_not_fetched(gpu, kernels, w):
    device = Counted(gpu)
    add_on_device(gpu, Residents(device), kernels, w)
    w.assign(np.ones(6))
    assert w.numpy().tolist() == [1] * 6
    assert device.fetched == 0


def test_a_value_that_does_not_fit_changes_nothing(w, double):
    double()
    with pytest.raises(ValueError, match="does not fit"):
        w.assign(np.ones(5))
    assert w.numpy().tolist() == (2 * START).tolist()


@pytest.mark.parametrize("target", ["llvm_cpu", "reference"])
def test_functions_of_the_host_and_the_device_share_it(w, double, target):
    read = function([], w * 1.0, target=target, name="read")
    triple = function([], w * 1.0, updates={w: 3.0 * w}, target=target, name="triple")
    expected = START
    double()
    assert read().tolist() == (2 * expected).tolist()
    for _ in range(3):
        double()
        triple()
        double()
        expected = expected * 12
        assert read().tolist() == (2 * expected).tolist()


def test_a_function_that_first_meets_it_on_the_device(w, double):
    double()
    assert w.host is None
    read = function([], w * 1.0, target="llvm_cpu", name="read")
    assert read().tolist() == (2 * START).tolist()
    double()
    assert read().tolist() == (4 * START).tolist()


def test_eager_mode_reads_it(w, double):
    with eager():
        assert (w * 1.0).numpy().tolist() == START.tolist()
        double()
        assert (w * 1.0).numpy().tolist() == (2 * START).tolist()
    assert w.for_eager() is w.for_eager()


def test_two_devices_hand_it_over(gpu, kernels, w):
    one, other = Residents(gpu), Residents(gpu)
    for _ in range(3):
        add_on_device(gpu, one, kernels, w)
        add_on_device(gpu, other, kernels, w)
    assert w.numpy().tolist() == (64 * START).tolist()


def test_the_address_stays(residents, w, double):
    (address,) = residents.bring([w])
    double()
    w.assign(START)
    w.storage = START.copy()
    w.changed()
    assert residents.bring([w]) == [address]


def test_memory_goes_with_the_variable(gpu, residents):
    ours = [variable(START, name=f"mortal_{i}") for i in range(3)]
    residents.bring(ours)
    residents.changed(ours[:1])
    assert driver.count("memory") == 3
    ours.pop()
    gc.collect()
    assert driver.count("memory") == 2
    ours.clear()
    gc.collect()
    assert driver.count("memory") == 0
    assert residents._copies == {}


def test_it_outlives_what_knows_its_copy(gpu, kernels, w):
    residents = Residents(gpu)
    add_on_device(gpu, residents, kernels, w)
    del residents
    gc.collect()
    assert w.numpy().tolist() == (2 * START).tolist()


def test_threads_read_while_calls_change_it(gpu, residents, kernels):
    w = variable(np.ones(6, np.float32), name="threads")
    seen, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            seen.append(w.numpy())

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(60):
        add_on_device(gpu, residents, kernels, w)
    stop.set()
    for thread in threads:
        thread.join()
    assert w.numpy().tolist() == [2.0**60] * 6
    assert all(len(set(values)) == 1 and np.log2(values[0]) % 1 == 0 for values in seen)
