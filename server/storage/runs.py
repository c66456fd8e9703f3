"""Runs: finding, listing, changing and showing them."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select, update

from trialog._frames import run_hash
from trialog.server.errors import bad_request
from trialog.server.storage import schema
from trialog.server.storage.database import insert_row
from trialog.server.storage.projects import next_version
from trialog.server.wire import dumps

#: Seconds without a request after which a running run counts as lost.
LOST_AFTER_S = 60.0
COLORS = 10

_run = schema.run

# Building a statement costs more than running it; those that every request needs are built once.
_FIND_RUN = (
    select(_run)
    .join_from(_run, schema.project)
    .where(
        schema.project.c.entity_id == bindparam("entity"),
        schema.project.c.name == bindparam("project"),
        _run.c.key == bindparam("run"),
    )
)


def find_run(connection: Connection, entity_id: int, project: str, key: str) -> Row[Any] | None:
    """Return the row of a run, of a deleted one too, or None."""
    return connection.execute(_FIND_RUN, {"entity": entity_id, "project": project, "run": key}).first()


def live_run(connection: Connection, entity_id: int, project: str, key: str) -> Row[Any] | None:
    """Return the row of a run that is not deleted, or None."""
    row = find_run(connection, entity_id, project, key)
    return row if row is not None and row.deleted_at is None else None


def run_numbers(connection: Connection, project_id: int, keys: Iterable[str]) -> dict[str, Row[Any]]:
    """Return the rows of those runs that the project has, by run id."""
    query = select(_run).where(_run.c.project_id == project_id, _run.c.key.in_(list(keys)), _run.c.deleted_at.is_(None))
    return {row.key: row for row in connection.execute(query)}


def pick_color(connection: Connection, project_id: int, key: str) -> int:
    """Return the run's colour: a hash of its id, moved on while one of the nine runs before it has it."""
    query = select(_run.c.color).where(_run.c.project_id == project_id).order_by(_run.c.id.desc())
    taken = set(connection.scalars(query.limit(COLORS - 1)))
    color = run_hash(key) % COLORS
    while color in taken:
        color = (color + 1) % COLORS
    return color


def insert_run(connection: Connection, values: Mapping[str, Any]) -> Row[Any]:
    """Insert a run and return its row."""
    run_id = insert_row(connection, _run, values)
    return connection.execute(select(_run).where(_run.c.id == run_id)).one()


def update_run(connection: Connection, run_id: int, changes: Mapping[str, Any]) -> None:
    """Change columns of a run."""
    connection.execute(update(_run).where(_run.c.id == run_id).values(dict(changes)))


def delete_run(connection: Connection, row: Row[Any]) -> int:
    """Mark a run as deleted, forget what is known of it, and return the project's new version."""
    version = next_version(connection, row.project_id)
    now = time.time()
    connection.execute(delete(schema.aggregate).where(schema.aggregate.c.run_id == row.id))
    connection.execute(delete(schema.loss).where(schema.loss.c.run_id == row.id))
    empty = {"config": "{}", "summary": "{}", "metadata": "{}", "definitions": "{}", "notes": None, "tags": "[]"}
    update_run(connection, row.id, {**empty, "deleted_at": now, "version": version})
    return version


def mark_lost(connection: Connection, contact_before: float) -> set[int]:
    """Set running runs that were last heard of before then to "lost"; return the projects that changed."""
    query = select(_run.c.id, _run.c.project_id).where(
        _run.c.state == "running", _run.c.contact_at < contact_before, _run.c.deleted_at.is_(None)
    )
    changed = set()
    for run_id, project_id in connection.execute(query).all():
        update_run(connection, run_id, {"state": "lost", "version": next_version(connection, project_id)})
        changed.add(project_id)
    return changed


def list_runs(
    connection: Connection, project_id: int, limit: int, cursor: str | None
) -> tuple[list[Row[Any]], str | None]:
    """
    Return a page of runs, the newest first, and the cursor of the next page (None: that was the last).

    Raises:
        RefusedError: the cursor is not one of ours.
    """
    query = select(_run).where(_run.c.project_id == project_id, _run.c.deleted_at.is_(None))
    if cursor is not None:
        created_at, run_id = _read_cursor(cursor)
        query = query.where(
            or_(_run.c.created_at < created_at, (_run.c.created_at == created_at) & (_run.c.id < run_id))
        )
    query = query.order_by(_run.c.created_at.desc(), _run.c.id.desc()).limit(limit + 1)
    rows = list(connection.execute(query))
    following = _write_cursor(rows[limit - 1]) if len(rows) > limit else None
    return rows[:limit], following


def changed_since(connection: Connection, project_id: int, version: int) -> tuple[list[Row[Any]], list[str]]:
    """Return the runs that changed after ``version``, and the ids of those deleted after it."""
    query = select(_run).where(_run.c.project_id == project_id, _run.c.version > version)
    rows = list(connection.execute(query.order_by(_run.c.version)))
    return [r for r in rows if r.deleted_at is None], [r.key for r in rows if r.deleted_at is not None]


def show_runs(connection: Connection, rows: list[Row[Any]], *, entity: str, project: str) -> list[dict[str, Any]]:
    """Return runs in the form of the API."""
    losses = _losses(connection, [row.id for row in rows])
    return [_show(row, entity, project, losses.get(row.id, [])) for row in rows]


def _show(row: Row[Any], entity: str, project: str, losses: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": row.key,
        "entity": entity,
        "project": project,
        "name": row.name,
        "state": row.state,
        "exit_code": row.exit_code,
        "group": row.group_name,
        "job_type": row.job_type,
        "tags": json.loads(row.tags),
        "notes": row.notes,
        "config": json.loads(row.config),
        "summary": json.loads(row.summary),
        "created_at": row.created_at,
        "started_at": row.started_at,
        "updated_at": row.updated_at,
        "finished_at": row.finished_at,
        "duration_s": _duration_s(row),
        "host": row.host,
        "user": row.user_name,
        "attempt": row.attempt,
        "last_step": row.last_step,
        "color": row.color,
        "version": row.version,
        "losses": losses,
    }


def _duration_s(row: Row[Any]) -> float:
    known: float = row.runtime_s
    if row.state != "running":
        return known
    since_attached: float = row.attached_runtime_s + time.time() - row.attached_at
    return max(known, since_attached)


def _losses(connection: Connection, run_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    table = schema.loss
    columns = (table.c.run_id, table.c.kind, table.c.reason)
    query = select(*columns, func.sum(table.c.count)).where(table.c.run_id.in_(run_ids)).group_by(*columns)
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for run_id, kind, reason, count in connection.execute(query):
        found[run_id].append({"kind": kind, "reason": reason, "count": int(count)})
    return found


def patch_run(connection: Connection, row: Row[Any], changes: Mapping[str, Any]) -> None:
    """Change what a person may edit: name, notes, tags."""
    values = dict(changes)
    if "tags" in values:
        values["tags"] = dumps(values["tags"])
    update_run(connection, row.id, {**values, "version": next_version(connection, row.project_id)})


def _write_cursor(row: Row[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([row.created_at, row.id]).encode()).decode("ascii")


def _read_cursor(cursor: str) -> tuple[float, int]:
    try:
        created_at, run_id = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        return float(created_at), int(run_id)
    except (ValueError, TypeError, binascii.Error) as error:
        raise bad_request("bad_cursor", "this cursor was not made by this server") from error
