"""Many calls in one: `graphc_repeat(call) -> status` points inputs and results to the rows of each.

    while turn < turns:
        if the position is 0: feed the cells of this turn
        run; leave with its status if it is not 0
        turn += 1, position = 0

The turn and the position are all that is left behind when it rests, so it goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import I1, I8, I32, I64, POINTER, VOID, Number

from .table import Call, Feed

ROWS = "graphc_rows"


def write_repeat(f: Function, run: str) -> None:
    """`run` is the function that runs one call."""
    turn, position = (f.gep(I64, "%call", int(w)) for w in (Call.TURN, Call.POSITION))
    head, body, done = f.block("head"), f.block("body"), f.block("done")
    failed, following = f.block("failed"), f.block("following")
    f.branch(head)
    f.begin(head)
    more = f.relate("lt", I64, f.load(I64, turn), _word(f, "%call", Call.TURNS))
    f.branch_if(more, body, done)
    f.begin(body)
    begins = f.relate("eq", I64, f.load(I64, position), 0)
    f.if_(begins, lambda: _feed_all(f))
    status = f.call(I64, run, [(POINTER, "%call")])
    f.branch_if(f.relate("ne", I64, status, 0), failed, following)
    f.begin(failed)
    f.give_back(status)
    f.begin(following)
    f.store(I64, 0, position)
    f.store(I64, f.add(f.load(I64, turn), 1), turn)
    f.branch(head)
    f.begin(done)
    f.give_back(0)


def _feed_all(f: Function) -> None:
    feeds = f.load(POINTER, f.gep(I64, "%call", int(Call.FEEDS)))

    def each(number: Number, _: Sequence[str]) -> None:
        _feed(f, f.gep(I64, feeds, f.mul(number, len(Feed))))

    f.loop(0, _word(f, "%call", Call.COUNT), 1, each)


def _feed(f: Function, feed: str) -> None:
    cell = f.load(POINTER, f.gep(I64, feed, int(Feed.CELL)))
    gathered, in_place, done = f.block("gathered"), f.block("in_place"), f.block("done")
    ordered = f.relate("ne", I64, _word(f, feed, Feed.ORDER), 0)
    f.branch_if(ordered, gathered, in_place)
    f.begin(gathered)
    parallel, pool = (
        f.load(POINTER, f.gep(I64, "%call", int(w))) for w in (Call.PARALLEL, Call.POOL)
    )
    chunks = f.cast("trunc", I64, _word(f, feed, Feed.CHUNKS), I32)
    operands = [(POINTER, pool), (POINTER, f"@{ROWS}"), (POINTER, feed), (I32, chunks)]
    f.call_pointer(VOID, parallel, operands)
    _move(f, feed, Feed.ORDER, f.mul(_word(f, feed, Feed.ROWS), 8))
    f.store(I64, _word(f, feed, Feed.BUFFER), cell)
    f.branch(done)
    f.begin(in_place)
    f.store(I64, _word(f, feed, Feed.SOURCE), cell)
    _move(f, feed, Feed.SOURCE, _word(f, feed, Feed.STEP))
    f.branch(done)
    f.begin(done)


def _move(f: Function, feed: str, word: Feed, nbytes: Number) -> None:
    f.store(I64, f.add(_word(f, feed, word), nbytes), f.gep(I64, feed, int(word)))


def _word(f: Function, words: str, number: int) -> str:
    return f.load(I64, f.gep(I64, words, int(number)))


def write_rows(f: Function) -> None:
    """The kernel buffer[i] = source[order[i]] for the rows of a call; its arguments are a feed."""
    source, order, buffer = (
        f.load(POINTER, f.gep(I64, "%args", int(w))) for w in (Feed.SOURCE, Feed.ORDER, Feed.BUFFER)
    )
    rows, nbytes = (_word(f, "%args", w) for w in (Feed.ROWS, Feed.BYTES))
    chunk, chunks = (f.cast("zext", I32, f"%{n}", I64) for n in ("chunk", "nchunks"))
    low, high = (f.div(f.mul(c, rows), chunks) for c in (chunk, f.add(chunk, 1)))

    def copy(row: Number, _: Sequence[str]) -> None:
        begin = f.mul(f.load(I64, f.gep(I64, order, row)), nbytes)
        target = f.gep(I8, buffer, f.mul(row, nbytes))
        parts = [(POINTER, target), (POINTER, f.gep(I8, source, begin))]
        f.call(VOID, "llvm.memcpy.p0.p0.i64", [*parts, (I64, nbytes), (I1, "false")])

    f.loop(low, high, 1, copy)
    f.give_back()
