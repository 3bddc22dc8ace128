from __future__ import annotations

import threading
from pathlib import Path

import pytest

from graphc.errors import ArgumentError
from graphc.knobs import Settings, current, from_environment, markdown, settings

DOCS = Path(__file__).parents[2] / "docs" / "knobs.md"


def test_the_page_of_switches_is_up_to_date():
    assert DOCS.read_text() == markdown(), "run: python -m graphc.knobs > docs/knobs.md"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, Settings()),
        ({"PATH": "/bin", "GRAPHC_DEBUG": "4"}, Settings(debug=4)),
        ({"GRAPHC_CACHE": "0", "GRAPHC_POOL": "portable"}, Settings(cache=False, pool="portable")),
        ({"GRAPHC_THREADS": "7", "GRAPHC_DUMP": "/tmp/x"}, Settings(threads=7, dump="/tmp/x")),
        ({"GRAPHC_CACHE_DIR": ""}, Settings()),
    ],
)
def test_environment_becomes_settings(variables, expected):
    assert from_environment(variables) == expected


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"GRAPHC_DEUBG": "1"}, "no switch(.|\n)*GRAPHC_DEUBG(.|\n)*GRAPHC_DEBUG"),
        ({"GRAPHC_DEBUG": "loud"}, r"GRAPHC_DEBUG does not take(.|\n)*'loud'(.|\n)*0\.\.7"),
        ({"GRAPHC_DEBUG": "8"}, "GRAPHC_DEBUG does not take"),
        ({"GRAPHC_CACHE": "yes"}, "GRAPHC_CACHE does not take(.|\n)*0 or 1"),
        ({"GRAPHC_POOL": "openmp"}, "GRAPHC_POOL does not take(.|\n)*auto, futex, portable"),
        ({"GRAPHC_debug": "1"}, "no switch"),
    ],
)
def test_malformed_variables_are_named(variables, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        from_environment(variables)


def test_settings_nest_and_end():
    before = current()
    with settings(debug=4, cache=False) as outer:
        assert (outer.debug, outer.cache, current()) == (4, False, outer)
        with settings(debug=1, dump=None):
            assert (current().debug, current().cache) == (1, False)
        assert current() is outer
    assert current() == before


def test_settings_end_with_an_exception():
    before = current()
    with pytest.raises(KeyError), settings(debug=4):
        raise KeyError
    assert current() == before


@pytest.mark.parametrize("changes", [{"debgu": 1}, {"debug": 9}, {"debug": "x"}, {"debug": None}])
def test_settings_refuse(changes):
    with pytest.raises(ArgumentError), settings(**changes):
        pass


def test_settings_belong_to_one_thread():
    seen = []
    with settings(debug=5):
        thread = threading.Thread(target=lambda: seen.append(current().debug))
        thread.start()
        thread.join()
    assert seen == [current().debug]
