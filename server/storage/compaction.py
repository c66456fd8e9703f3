"""
Compaction: tails of a run become chunks.

The two live in two files, so there are two commits. First the chunks are written, then one transaction removes
the tails and moves ``run.compacted_through`` on. After a crash between them the chunks lie beyond
``compacted_through``: readers do not count them, and the next compaction of the run removes them first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, func, insert, or_, select

from trialog.server.columns import OBJECT, Column
from trialog.server.storage import schema
from trialog.server.storage.aggregates import total_of
from trialog.server.storage.codec import decode_tail, encode_steady, encode_values
from trialog.server.storage.database import Database, Snapshot
from trialog.server.storage.runs import update_run

#: A run is compacted when this many of its rows lie in tails, or when it is over.
TAIL_ROWS = 4096
_CHUNK_POINTS = 4096
#: One pass holds at most about this many points in memory.
_PASS_POINTS = 2_000_000

HAS_NAN, HAS_POSITIVE_INF, HAS_NEGATIVE_INF, STEPS_GO_BACK, HAS_OBJECTS = 1, 2, 4, 8, 16


def due_runs(connection: Connection) -> list[int]:
    """Return the runs that should be compacted."""
    run = schema.run
    over = (run.c.state != "running") & (run.c.tail_rows > 0)
    query = select(run.c.id).where(run.c.deleted_at.is_(None), or_(run.c.tail_rows >= TAIL_ROWS, over))
    return list(connection.scalars(query))


def compact_run(database: Database, run_id: int, *, between: Callable[[], None] = lambda: None) -> bool:
    """
    Compact tails of a run; return whether there are more.

    Blocks, so it is called in a thread; only one thread may compact. ``between`` runs between the two commits.
    """
    through, last, columns = database.read_now(lambda snapshot: _gather(snapshot, run_id))
    if last == 0:
        return False
    chunks = [
        {**_chunk(column), "run_id": run_id, "attempt": attempt, "key_id": key_id, "tail_first": through + 1}
        | {"tail_last": last}
        for (attempt, key_id), whole in columns.items()
        for column in _split(whole)
    ]
    with database.chunks_writer.begin() as connection:
        table = schema.chunk
        connection.execute(delete(table).where(table.c.run_id == run_id, table.c.tail_last > through))
        if chunks:
            connection.execute(insert(table), chunks)
    between()
    remaining: int = database.submit(lambda connection: _drop_tails(connection, run_id, last)).result()
    return remaining >= TAIL_ROWS


def purge_deleted(database: Database) -> None:
    """Remove the data of runs that were deleted."""
    run = schema.run
    query = select(run.c.id).where(run.c.deleted_at.is_not(None), run.c.purged_at.is_(None))
    for run_id in database.read_now(lambda snapshot: list(snapshot.meta.scalars(query))):
        with database.chunks_writer.begin() as connection:
            connection.execute(delete(schema.chunk).where(schema.chunk.c.run_id == run_id))
        database.submit(partial(_purge, run_id=run_id)).result()


def _gather(snapshot: Snapshot, run_id: int) -> tuple[int, int, dict[tuple[int, int], Column]]:
    """Return compacted_through, the last tail to compact (0: none), and the points by attempt and metric."""
    run, tail = schema.run, schema.tail
    through = snapshot.meta.execute(select(run.c.compacted_through).where(run.c.id == run_id)).scalar_one()
    query = select(tail.c.id, tail.c.attempt, tail.c.body).where(tail.c.run_id == run_id)
    parts: dict[tuple[int, int], list[Column]] = defaultdict(list)
    last = points = 0
    for number, attempt, body in snapshot.meta.execute(query.order_by(tail.c.id)):
        block = decode_tail(body)
        for key_id in block.cells:
            column = block.column(key_id)
            parts[attempt, key_id].append(column)
            points += len(column)
        last = number
        if points >= _PASS_POINTS:
            break
    return through, last, {key: Column.concat(found) for key, found in parts.items()}


def _split(column: Column) -> Iterator[Column]:
    for start in range(0, len(column), _CHUNK_POINTS):
        yield column.take(slice(start, start + _CHUNK_POINTS))


def _chunk(column: Column) -> dict[str, Any]:
    values = column.values
    numbers = values.numbers()
    numeric = values.numeric
    finite = numbers[np.isfinite(numbers)]
    flags = (
        HAS_NAN * bool(np.isnan(numbers[numeric]).any())
        + HAS_POSITIVE_INF * bool(np.isposinf(numbers).any())
        + HAS_NEGATIVE_INF * bool(np.isneginf(numbers).any())
        + STEPS_GO_BACK * bool((column.steps[1:] < column.steps[:-1]).any())
        + HAS_OBJECTS * bool((values.codes == OBJECT).any())
    )
    return {
        "n": len(column),
        "n_finite": len(finite),
        "flags": flags,
        "step_min": int(column.steps.min()),
        "step_max": int(column.steps.max()),
        "time_min_us": int(column.times.min()),
        "time_max_us": int(column.times.max()),
        "low": float(finite.min()) if len(finite) else None,
        "high": float(finite.max()) if len(finite) else None,
        "total": total_of(finite) if len(finite) else None,
        "last": float(finite[-1]) if len(finite) else None,
        "steps": encode_steady(column.steps),
        "times": encode_steady(column.times),
        "origins": encode_steady(column.origins),
        "vals": encode_values(values),
    }


def _drop_tails(connection: Connection, run_id: int, last: int) -> int:
    tail = schema.tail
    connection.execute(delete(tail).where(tail.c.run_id == run_id, tail.c.id <= last))
    left = select(func.coalesce(func.sum(tail.c.n_rows), 0)).where(tail.c.run_id == run_id)
    rows = int(connection.execute(left).scalar_one())
    update_run(connection, run_id, {"compacted_through": last, "tail_rows": rows})
    return rows


def _purge(connection: Connection, run_id: int) -> None:
    connection.execute(delete(schema.tail).where(schema.tail.c.run_id == run_id))
    purged = select(func.max(schema.run.c.deleted_at)).where(schema.run.c.id == run_id)
    update_run(connection, run_id, {"purged_at": connection.scalar(purged), "tail_rows": 0})
