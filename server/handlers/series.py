"""Series for charts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from trialog.server.errors import bad_request, not_found
from trialog.server.parts import Call
from trialog.server.series import SeriesQuery, make_series
from trialog.server.storage import projects, runs
from trialog.server.storage.database import Snapshot
from trialog.server.storage.history import RunHistory, read_columns
from trialog.server.wire import answer

_MAX_BUCKETS = 4000
_MAX_SERIES = 10_000


async def query_series(call: Call) -> web.Response:
    """Answer the series of any runs and metrics of a project; those without a point are left out."""
    identity, name = call.own_entity(), call.name("project")
    body = await call.json_object()
    run_ids, keys = _names(body, "runs"), _names(body, "keys")
    if len(run_ids) * len(keys) > _MAX_SERIES:
        raise bad_request("too_many_series", f"one request may ask for {_MAX_SERIES} series")
    query = _query(body)

    def look_up(snapshot: Snapshot) -> web.Response:
        project_id = projects.find_project(snapshot.meta, identity.entity_id, name)
        if project_id is None:
            raise not_found("project")
        version = projects.project_version(snapshot.meta, project_id)
        series = list(_series(snapshot, project_id, run_ids, keys, query))
        return answer({"version": version, "series": series})

    return await call.parts.database.read(look_up)


def _series(
    snapshot: Snapshot, project_id: int, run_ids: list[str], keys: list[str], query: SeriesQuery
) -> Iterator[dict[str, Any]]:
    numbers = projects.key_numbers(snapshot.meta, project_id, keys)
    rows = runs.run_numbers(snapshot.meta, project_id, run_ids)
    for run_id in run_ids:
        row = rows.get(run_id)
        if row is None:
            continue
        columns = read_columns(snapshot, RunHistory.of(row), numbers.values())
        for key in keys:
            column = columns.get(numbers.get(key, -1))
            if column is None or not column.values.numeric.any():
                continue
            series = make_series(column, query, row.started_at)
            yield {"run": run_id, "key": key, **series.document()}


def _names(body: dict[str, Any], field: str) -> list[str]:
    names = body.get(field)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise bad_request("bad_series", f"{field} must be a list of texts")
    return list(dict.fromkeys(names))


def _query(body: dict[str, Any]) -> SeriesQuery:
    axis = body.get("x", "step")
    if axis not in ("step", "relative", "time"):
        raise bad_request("bad_series", "x must be step, relative or time")
    buckets = body.get("buckets", 1000)
    if type(buckets) is not int or not 1 <= buckets <= _MAX_BUCKETS:
        raise bad_request("bad_series", f"buckets must be a whole number from 1 to {_MAX_BUCKETS}")
    return SeriesQuery(axis, _range(body.get("range")), buckets, _weight(body.get("smooth")))


def _range(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(_is_finite(end) for end in value):
        raise bad_request("bad_series", "range must be null or [from, to]")
    return float(value[0]), float(value[1])


def _weight(value: Any) -> float | None:
    if value is None:
        return None
    weight: Any = value.get("weight") if isinstance(value, dict) and value.get("kind") == "ema" else None
    if not _is_finite(weight) or not 0 <= weight <= 0.999:
        raise bad_request("bad_series", 'smooth must be null or {"kind": "ema", "weight": 0 to 0.999}')
    return float(weight)


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value)
