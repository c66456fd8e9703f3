"""Aggregates of metrics: folding whole columns in, and their stored form."""

from __future__ import annotations

from collections.abc import Mapping

import msgpack
import numpy as np
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from trialog._aggregates import Aggregate
from trialog.server.columns import BOOL, FLOAT, INT, Column, Float64
from trialog.server.storage import schema

_SLICE = 500
_SMALL = 8
_table = schema.aggregate
_LOAD = select(_table.c.key_id, _table.c.state).where(
    _table.c.run_id == bindparam("run"), _table.c.key_id.in_(bindparam("keys", expanding=True))
)
_REPLACE = (
    update(_table)
    .where(_table.c.run_id == bindparam("run"), _table.c.key_id == bindparam("key"))
    .values(state=bindparam("packed"))
)


def fold(aggregate: Aggregate, column: Column) -> None:
    """Fold a column in, with the same outcome as ``aggregate.add`` point by point (sums may differ by rounding)."""
    code = column.values.uniform
    if len(column) <= _SMALL or code not in (FLOAT, INT, BOOL):
        for step, value in zip(column.steps.tolist(), column.values.tolist(), strict=True):
            aggregate.add(step, value)
        return
    counts = column.take(np.append(column.steps[1:] != column.steps[:-1], True))
    aggregate.add(int(counts.steps[0]), counts.values[0])
    if len(counts) == 1:
        return
    closed = counts.values.numbers()[:-1]
    finite = np.isfinite(closed)
    n = int(finite.sum())
    low, high = np.inf, -np.inf
    if n:
        kept = np.flatnonzero(finite)
        low = counts.values[int(kept[np.argmin(closed[kept])])]
        high = counts.values[int(kept[np.argmax(closed[kept])])]
    aggregate.merge_closed(len(closed), n, total_of(closed[finite]), low, high)
    aggregate.last, aggregate.last_step = counts.values[-1], int(counts.steps[-1])


def total_of(finite: Float64) -> float:
    """Return the sum of finite values, which may itself be infinite."""
    with np.errstate(over="ignore"):
        return float(finite.sum())


def load_aggregates(connection: Connection, run_id: int, key_ids: list[int]) -> dict[int, Aggregate]:
    """Return the stored aggregates of those metrics of a run that have one."""
    found: dict[int, Aggregate] = {}
    for start in range(0, len(key_ids), _SLICE):
        values = {"run": run_id, "keys": key_ids[start : start + _SLICE]}
        found.update({key_id: _unpack(state) for key_id, state in connection.execute(_LOAD, values)})
    return found


def store_aggregates(
    connection: Connection, run_id: int, aggregates: Mapping[int, Aggregate], stored: set[int]
) -> None:
    """Write aggregates; ``stored`` are the metrics that have a row already."""
    new = [{"run_id": run_id, "key_id": k, "state": _pack(a)} for k, a in aggregates.items() if k not in stored]
    old = [{"run": run_id, "key": k, "packed": _pack(a)} for k, a in aggregates.items() if k in stored]
    if new:
        connection.execute(insert(_table), new)
    if old:
        connection.execute(_REPLACE, old)


def forget_aggregates(connection: Connection, run_id: int) -> None:
    """Remove all aggregates of a run: a new attempt starts from nothing."""
    connection.execute(delete(schema.aggregate).where(schema.aggregate.c.run_id == run_id))


def _pack(aggregate: Aggregate) -> bytes:
    a = aggregate
    fields = [a.closed, a.n, a.total, a.low, a.high, a.first, a.last, a.last_step]
    packed: bytes = msgpack.packb(fields)
    return packed


def _unpack(state: bytes) -> Aggregate:
    return Aggregate(*msgpack.unpackb(state, strict_map_key=False))
