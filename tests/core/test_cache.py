from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from graphc import cache
from graphc.knobs import settings

KEY = cache.key_of("kernel", "target")


@pytest.fixture(autouse=True)
def own_cache(tmp_path):
    with settings(cache_dir=str(tmp_path)):
        yield


def entries(tmp_path):
    return [p for p in tmp_path.rglob("*") if p.is_file()]


def test_what_is_stored_is_found(tmp_path):
    assert cache.lookup(KEY) is None
    assert cache.store(KEY, b"object")
    assert cache.lookup(KEY) == b"object"
    assert cache.store(KEY, b"newer")
    assert cache.lookup(KEY) == b"newer"
    assert len(entries(tmp_path)) == 1


def test_keys_keep_their_parts_apart():
    assert len({cache.key_of("a", "bc"), cache.key_of("ab", "c"), cache.key_of("abc")}) == 3


def test_a_text_is_kept_as_it_is(tmp_path):
    path = cache.store_text(KEY, "# text\n", "py")
    assert path is not None
    assert (path.suffix, path.read_text()) == (".py", "# text\n")
    before = path.stat().st_ino
    assert cache.store_text(KEY, "# text\n", "py") == path
    assert path.stat().st_ino == before, "it is not written again"
    with settings(cache=False):
        assert cache.store_text(KEY, "# text\n", "py") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:10],
        lambda data: b"",
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: b"X" + data[1:],
        lambda data: data + b"more",
    ],
)
def test_a_damaged_entry_is_a_miss_and_is_replaced(damage, tmp_path):
    cache.store(KEY, b"object")
    (path,) = entries(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.lookup(KEY) is None
    cache.store(KEY, b"object")
    assert cache.lookup(KEY) == b"object"


def test_switched_off(tmp_path):
    with settings(cache=False):
        assert not cache.store(KEY, b"object")
        assert entries(tmp_path) == []
    cache.store(KEY, b"object")
    with settings(cache=False):
        assert cache.lookup(KEY) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    with settings(cache_dir=str(blocked)):
        assert not cache.store(KEY, b"object")
        assert cache.lookup(KEY) is None


def test_the_longest_unused_go_first(tmp_path):
    keys = [f"00{i:062x}" for i in range(4)]
    with settings(cache_mib=4):  # one folder of 256 may hold 4096 bytes
        for age, key in enumerate(keys[:3]):
            cache.store(key, bytes(1200))
            os.utime(tmp_path / "objects" / "00" / f"{key[2:]}.o", (1000 + age, 1000 + age))
        assert cache.lookup(keys[0])  # a use makes it young again
        cache.store(keys[3], bytes(1200))
        assert [cache.lookup(key) is not None for key in keys] == [True, False, True, True]


def test_an_object_larger_than_the_limit_is_kept_until_the_next(tmp_path):
    keys = [f"00{i:062x}" for i in range(2)]
    with settings(cache_mib=4):
        cache.store(keys[0], bytes(10_000))
        assert cache.lookup(keys[0])
        cache.store(keys[1], bytes(10_000))
        assert [cache.lookup(key) is not None for key in keys] == [False, True]


def test_a_folder_of_many_entries_is_seldom_looked_at(tmp_path, monkeypatch):
    looks = []
    trim = cache._trim
    monkeypatch.setattr(cache, "_trim", lambda *given: (looks.append(given), trim(*given)))
    with settings(cache_mib=200):  # one folder of 256 may hold 200 KiB
        for i in range(2000):
            key = "00" + hashlib.sha256(str(i).encode()).hexdigest()[2:]
            assert cache.store(key, bytes(500))
    kept = sum(p.stat().st_size for p in (tmp_path / "objects" / "00").iterdir())
    assert kept < 1.5 * 200 * 1024, "1 MB was stored"
    assert 40 < len(looks) < 200


def test_processes_share_a_folder(tmp_path):
    program = (
        "import sys\n"
        "from graphc import cache\n"
        "data = bytes(200_000)\n"
        "for _ in range(100):\n"
        "    assert cache.store('00' + 62 * '1', data)\n"
        "    found = cache.lookup('00' + 62 * '1')\n"
        "    assert found == data, 'torn entry'\n"
    )
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "GRAPHC_CACHE_DIR": str(tmp_path)}
    crew = [subprocess.Popen(command, env=environment) for _ in range(3)]
    assert [process.wait() for process in crew] == [0, 0, 0]
    assert len(entries(tmp_path)) == 1
