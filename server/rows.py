"""Rows out of columns: the points of several metrics merged by step, read no further than a page needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trialog.server.columns import Column, Int64
from trialog.server.storage.database import Snapshot
from trialog.server.storage.history import ChunkHead, RunHistory, chunk_heads, read_chunks, read_tails
from trialog.server.wire import plain


@dataclass(frozen=True)
class RowQuery:
    """Rows with steps from ``lowest`` to ``highest``, at most ``limit`` of them."""

    lowest: int
    highest: int
    limit: int


def read_rows(
    snapshot: Snapshot, history: RunHistory, keys: dict[str, int], query: RowQuery
) -> tuple[list[dict[str, Any]], int | None]:
    """Return rows in step order, and the last one's step when there are more rows behind it."""
    heads = [
        head
        for head in chunk_heads(snapshot, history, keys.values())
        if head.step_max >= query.lowest and head.step_min <= query.highest
    ]
    loaded = _Loaded(query)
    for key_id, column in read_tails(snapshot, history, keys.values()):
        loaded.add_tail(key_id, column)
    heads.sort(key=lambda head: head.step_min)
    done = 0
    while True:
        # Every chunk that begins at or before `known` is loaded, so all points up to `known` are there.
        known = heads[done].step_min - 1 if done < len(heads) else query.highest
        steps = loaded.steps(known)
        if len(steps) > query.limit or done == len(heads):
            break
        upto = _next_stop(heads, done)
        for head, (key_id, column) in _read(snapshot, heads[done:upto]):
            loaded.add_chunk(head.id, key_id, column)
        done = upto
    page = steps[: query.limit]
    rows = _merge(loaded, keys, page)
    return rows, int(page[-1]) if len(steps) > query.limit else None


def _next_stop(heads: list[ChunkHead], done: int) -> int:
    """Return where to load up to: at least as many chunks as are loaded already, and whole groups of one step."""
    stop = min(len(heads), max(2 * done, done + 1))
    while stop < len(heads) and heads[stop].step_min == heads[stop - 1].step_min:
        stop += 1
    return stop


def _read(snapshot: Snapshot, heads: list[ChunkHead]) -> Any:
    ordered = sorted(heads, key=lambda head: head.id)
    return zip(ordered, read_chunks(snapshot, ordered), strict=True)


class _Loaded:
    """Points of the asked range that are in memory."""

    def __init__(self, query: RowQuery) -> None:
        self._query = query
        self._chunks: dict[int, list[tuple[int, Column]]] = {}
        self._tails: dict[int, list[Column]] = {}

    def add_chunk(self, number: int, key_id: int, column: Column) -> None:
        self._chunks.setdefault(key_id, []).append((number, self._cut(column)))

    def add_tail(self, key_id: int, column: Column) -> None:
        self._tails.setdefault(key_id, []).append(self._cut(column))

    def steps(self, known: int) -> Int64:
        """Return the distinct steps up to ``known``."""
        parts = [c.steps for _, c in (pair for found in self._chunks.values() for pair in found)]
        parts += [c.steps for found in self._tails.values() for c in found]
        if not parts:
            return np.empty(0, np.int64)
        steps = np.unique(np.concatenate(parts))
        return steps[steps <= known]

    def column(self, key_id: int) -> Column:
        """Return the points of a metric in commit order."""
        chunks = [column for _, column in sorted(self._chunks.get(key_id, []), key=lambda pair: pair[0])]
        return Column.concat(chunks + self._tails.get(key_id, []))

    def _cut(self, column: Column) -> Column:
        inside = (column.steps >= self._query.lowest) & (column.steps <= self._query.highest)
        return column if bool(inside.all()) else column.take(inside)


def _merge(loaded: _Loaded, keys: dict[str, int], steps: Int64) -> list[dict[str, Any]]:
    if not len(steps):
        return []
    times, origins = np.zeros(len(steps), np.int64), np.zeros(len(steps), np.int64)
    rows: list[dict[str, Any]] = [{"_step": step} for step in steps.tolist()]
    cells: list[tuple[str, list[int], list[Any]]] = []
    for name, key_id in keys.items():
        column = loaded.column(key_id).latest()
        column = column.take(column.steps <= steps[-1])
        place = np.searchsorted(steps, column.steps)
        newer = column.times >= times[place]
        times[place[newer]], origins[place[newer]] = column.times[newer], column.origins[newer]
        cells.append((name, place.tolist(), column.values.tolist()))
    for row, time_us, origin_us in zip(rows, times.tolist(), origins.tolist(), strict=True):
        row["_timestamp"] = time_us / 1e6
        row["_runtime"] = (time_us - origin_us) / 1e6
    for name, indexes, values in cells:
        for index, value in zip(indexes, values, strict=True):
            rows[index][name] = plain(value)
    return rows
