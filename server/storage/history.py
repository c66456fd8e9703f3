"""History: appending tails, and reading points out of chunks and tails."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from trialog.server.columns import Block, Column
from trialog.server.storage import schema
from trialog.server.storage.codec import decode_steady, decode_tail, decode_values, encode_tail
from trialog.server.storage.database import Snapshot, insert_row

_SLICE = 500


@dataclass(frozen=True)
class RunHistory:
    """Which rows to read: those of one attempt of a run, chunks up to ``compacted_through`` and all tails."""

    run_id: int
    attempt: int
    compacted_through: int

    @classmethod
    def of(cls, row: Row[Any], attempt: int | None = None) -> RunHistory:
        """Return the history of a run's row, by default of its current attempt."""
        return cls(row.id, row.attempt if attempt is None else attempt, row.compacted_through)


@dataclass(frozen=True)
class ChunkHead:
    """A chunk without its points."""

    id: int
    key_id: int
    n: int
    step_min: int
    step_max: int


def append_tail(connection: Connection, run_id: int, attempt: int, block: Block) -> int:
    """Store a block whose cells are keyed by metric numbers; return the tail's number."""
    values = {"run_id": run_id, "attempt": attempt, "n_rows": len(block), "body": encode_tail(block)}
    return insert_row(connection, schema.tail, values)


def read_columns(snapshot: Snapshot, history: RunHistory, key_ids: Collection[int]) -> dict[int, Column]:
    """Return all points of some metrics in commit order; metrics without a point are left out."""
    parts: dict[int, list[Column]] = defaultdict(list)
    heads = chunk_heads(snapshot, history, key_ids)
    for key_id, column in read_chunks(snapshot, heads):
        parts[key_id].append(column)
    for key_id, column in read_tails(snapshot, history, key_ids):
        parts[key_id].append(column)
    return {key_id: Column.concat(found) for key_id, found in parts.items()}


def chunk_heads(snapshot: Snapshot, history: RunHistory, key_ids: Collection[int]) -> list[ChunkHead]:
    """Return the chunks of some metrics in commit order."""
    table = schema.chunk
    columns = (table.c.id, table.c.key_id, table.c.n, table.c.step_min, table.c.step_max)
    heads: list[ChunkHead] = []
    for some in _slices(key_ids):
        query = select(*columns).where(
            table.c.run_id == history.run_id,
            table.c.key_id.in_(some),
            table.c.attempt == history.attempt,
            table.c.tail_last <= history.compacted_through,
        )
        heads += [ChunkHead(*row) for row in snapshot.chunks.execute(query.order_by(table.c.id))]
    return heads


def read_chunks(snapshot: Snapshot, heads: Collection[ChunkHead]) -> Iterator[tuple[int, Column]]:
    """Yield the points of chunks with the metric they belong to, in commit order per metric."""
    table = schema.chunk
    columns = (table.c.key_id, table.c.steps, table.c.times, table.c.origins, table.c.vals)
    for ids in _slices(sorted(head.id for head in heads)):
        query = select(*columns).where(table.c.id.in_(ids)).order_by(table.c.id)
        for key_id, steps, times, origins, vals in snapshot.chunks.execute(query):
            columns_of_it = decode_steady(steps), decode_steady(times), decode_steady(origins)
            yield key_id, Column(*columns_of_it, decode_values(vals))


def read_tails(snapshot: Snapshot, history: RunHistory, key_ids: Collection[int]) -> Iterator[tuple[int, Column]]:
    """Yield the points that are not compacted yet, tail by tail."""
    table = schema.tail
    query = select(table.c.body).where(table.c.run_id == history.run_id, table.c.attempt == history.attempt)
    wanted = set(key_ids)
    for body in snapshot.meta.scalars(query.order_by(table.c.id)):
        block = decode_tail(body, wanted)
        for key_id in block.cells:
            yield key_id, block.column(key_id)


def _slices(items: Collection[int]) -> Iterator[list[int]]:
    ordered = list(items)
    for start in range(0, len(ordered), _SLICE):
        yield ordered[start : start + _SLICE]
