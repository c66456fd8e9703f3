"""Projects and the names of their metrics."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, insert, select, update

from trialog.server.storage import schema
from trialog.server.storage.accounts import Identity
from trialog.server.storage.database import insert_row

_SLICE = 500
_NEXT_VERSION = (
    update(schema.project)
    .where(schema.project.c.id == bindparam("project"))
    .values(version=schema.project.c.version + 1)
    .returning(schema.project.c.version)
)
_KEYS = select(schema.metric_key.c.name, schema.metric_key.c.id, schema.metric_key.c.kind).where(
    schema.metric_key.c.project_id == bindparam("project"),
    schema.metric_key.c.name.in_(bindparam("names", expanding=True)),
)


def find_project(connection: Connection, entity_id: int, name: str) -> int | None:
    """Return the number of a project, or None."""
    table = schema.project
    query = select(table.c.id).where(table.c.entity_id == entity_id, table.c.name == name)
    found: int | None = connection.scalar(query)
    return found


def ensure_project(connection: Connection, entity_id: int, name: str) -> int:
    """Return the number of a project, made when it is new."""
    found = find_project(connection, entity_id, name)
    if found is not None:
        return found
    values = {"entity_id": entity_id, "name": name, "created_at": time.time(), "version": 0}
    return insert_row(connection, schema.project, values)


def next_version(connection: Connection, project_id: int) -> int:
    """Advance the project's version and return it; on PostgreSQL this also lines up changes of a project."""
    version: int = connection.execute(_NEXT_VERSION, {"project": project_id}).scalar_one()
    return version


def project_version(connection: Connection, project_id: int) -> int:
    """Return the project's version."""
    version: int = connection.execute(
        select(schema.project.c.version).where(schema.project.c.id == project_id)
    ).scalar_one()
    return version


def list_projects(connection: Connection, identity: Identity) -> list[dict[str, Any]]:
    """Return the projects of an entity, the latest changed first."""
    project, run = schema.project, schema.run
    alive = run.c.deleted_at.is_(None)
    columns = (
        project.c.name,
        func.count(case((alive, run.c.id))),
        func.count(case((alive & (run.c.state == "running"), run.c.id))),
        func.coalesce(func.max(case((alive, run.c.updated_at))), project.c.created_at).label("updated_at"),
    )
    query = (
        select(*columns)
        .outerjoin_from(project, run, run.c.project_id == project.c.id)
        .where(project.c.entity_id == identity.entity_id)
        .group_by(project.c.id, project.c.name, project.c.created_at)
    )
    found = [
        {"entity": identity.entity, "project": name, "runs": runs, "running": running, "updated_at": updated_at}
        for name, runs, running, updated_at in connection.execute(query)
    ]
    return sorted(found, key=lambda entry: -entry["updated_at"])


def ensure_keys(connection: Connection, project_id: int, kinds: dict[str, bool]) -> dict[str, int]:
    """
    Return the numbers of metrics by name, making those that are new.

    ``kinds`` says of each whether a number was logged; a metric that ever held one is of kind "number".
    """
    table = schema.metric_key
    known = _keys(connection, project_id, kinds)
    missing = [name for name in kinds if name not in known]
    if missing:
        rows = [
            {"project_id": project_id, "name": name, "kind": "number" if kinds[name] else "other"} for name in missing
        ]
        connection.execute(insert(table), rows)
        known.update(_keys(connection, project_id, missing))
    promoted = [number for name, (number, kind) in known.items() if kinds[name] and kind == "other"]
    for number in promoted:
        connection.execute(update(table).where(table.c.id == number).values(kind="number"))
    return {name: number for name, (number, _) in known.items()}


def key_numbers(connection: Connection, project_id: int, names: Iterable[str]) -> dict[str, int]:
    """Return the numbers of those metrics that the project has, by name."""
    return {name: number for name, (number, _) in _keys(connection, project_id, names).items()}


def list_keys(connection: Connection, project_id: int) -> list[dict[str, Any]]:
    """Return the project's metrics with the number of runs that hold each."""
    key, aggregate = schema.metric_key, schema.aggregate
    query = (
        select(key.c.name, key.c.kind, func.count())
        .join_from(key, aggregate, aggregate.c.key_id == key.c.id)
        .where(key.c.project_id == project_id)
        .group_by(key.c.id, key.c.name, key.c.kind)
        .order_by(key.c.name)
    )
    return [{"key": name, "kind": kind, "runs": runs} for name, kind, runs in connection.execute(query)]


def run_keys(connection: Connection, run_id: int) -> dict[str, int]:
    """Return the metrics of a run's current attempt: number by name."""
    key, aggregate = schema.metric_key, schema.aggregate
    query = (
        select(key.c.name, key.c.id)
        .join_from(aggregate, key, aggregate.c.key_id == key.c.id)
        .where(aggregate.c.run_id == run_id)
        .order_by(key.c.name)
    )
    return {row.name: row.id for row in connection.execute(query)}


def _keys(connection: Connection, project_id: int, names: Iterable[str]) -> dict[str, tuple[int, str]]:
    wanted = list(names)
    found: dict[str, tuple[int, str]] = {}
    for start in range(0, len(wanted), _SLICE):
        values = {"project": project_id, "names": wanted[start : start + _SLICE]}
        found.update({name: (number, kind) for name, number, kind in connection.execute(_KEYS, values)})
    return found
