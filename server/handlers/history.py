"""Rows of a run, unsampled."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from trialog.server.errors import bad_request
from trialog.server.handlers.projects import positive
from trialog.server.handlers.runs import require_run
from trialog.server.metrics import SYSTEM_PREFIX
from trialog.server.parts import Call
from trialog.server.rows import RowQuery, read_rows
from trialog.server.storage.database import Snapshot
from trialog.server.storage.history import RunHistory
from trialog.server.storage.projects import key_numbers, run_keys
from trialog.server.wire import answer

_MAX_ROWS = 10_000
_INT64 = 2**63


async def read_history(call: Call) -> web.Response:
    """Answer a page of rows in step order; ``next`` is the ``after`` of the page behind it."""
    query = call.request.query
    names = query.getall("keys", [])
    system = query.get("stream") == "system"
    limit = positive(query.get("limit", "1000"), _MAX_ROWS)
    low, high, after, attempt = (_step(call, name) for name in ("min_step", "max_step", "after", "attempt"))
    lowest = max(-_INT64 if low is None else low, -_INT64 if after is None else after + 1)
    highest = _INT64 - 1 if high is None else high

    def look_up(snapshot: Snapshot) -> web.Response:
        row = require_run(call, snapshot.meta)
        known = run_keys(snapshot.meta, row.id)
        if names:
            keys = known if attempt is None else key_numbers(snapshot.meta, row.project_id, names)
            wanted = {name: keys[name] for name in names if name in keys}
        else:
            wanted = {name: key for name, key in known.items() if name.startswith(SYSTEM_PREFIX) == system}
        rows, following = read_rows(snapshot, RunHistory.of(row, attempt), wanted, RowQuery(lowest, highest, limit))
        return answer({"rows": rows, "next": following})

    return await call.parts.database.read(look_up)


def _step(call: Call, name: str) -> Any:
    text = call.request.query.get(name)
    if text is None:
        return None
    try:
        value = int(text) if len(text) < 21 else _INT64
    except ValueError:
        value = _INT64
    if not -_INT64 <= value < _INT64:
        raise bad_request("bad_query", f"{name} must be a whole number of 64 bits")
    return value
