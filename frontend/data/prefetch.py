"""Work done ahead in threads: results in order, a bounded number of them waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice, repeat
from typing import TypeVar

from graphc.errors import ArgumentError

Result = TypeVar("Result")


def in_order(
    tasks: Iterable[Callable[[], Result]], workers: int, ahead: int = 2
) -> Iterator[Result]:
    """The results of the tasks in their order, computed by so many threads.

    At most `ahead` results (at least one per worker) wait or are being made. No workers: each task
    runs when its result is asked for. An exception of a task is raised where its result is due,
    with the traceback of the task. Who stops early cancels what has not begun.

    >>> list(in_order([lambda i=i: i * i for i in range(5)], workers=2))
    [0, 1, 4, 9, 16]
    """
    if min(workers, ahead) < 0:
        raise ArgumentError(
            "numbers of workers and of results to wait are not negative",
            received=(workers, ahead),
        )
    if workers == 0:
        for task in tasks:
            yield task()
        return
    rest = iter(tasks)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="graphc-data")
    try:
        waiting = deque(_started(pool, t) for t in islice(rest, max(ahead, workers)))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(_started(pool, t) for t in islice(rest, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def prefetch(source: Iterable[Result], ahead: int = 2) -> Iterator[Result]:
    """What an iterable gives, made ahead by one thread.

    >>> list(prefetch(iter("abc")))
    ['a', 'b', 'c']
    """
    end, items = object(), iter(source)
    for item in in_order(repeat(lambda: next(items, end)), workers=1, ahead=ahead):
        if item is end:
            return
        yield item  # pyright: ignore[reportReturnType]


def _started(pool: ThreadPoolExecutor, task: Callable[[], Result]) -> Future[Result]:
    """The task in a thread that has the settings of this one."""
    return pool.submit(copy_context().run, task)
