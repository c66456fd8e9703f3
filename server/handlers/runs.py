"""One run: look at it, edit what people edit, delete it."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row

from trialog.server.errors import bad_request, not_found
from trialog.server.parts import Call
from trialog.server.storage import runs
from trialog.server.storage.projects import run_keys
from trialog.server.wire import answer

_MAX_TAGS = 100
_MAX_TEXT = {"name": 256, "notes": 100_000}


async def get_run(call: Call) -> web.Response:
    """Answer everything about a run but its history."""
    return answer(await call.parts.database.read(lambda snapshot: _detail(call, snapshot.meta)))


async def patch_run(call: Call) -> web.Response:
    """Change name, notes or tags."""
    changes = _changes(await call.json_object())

    def change(connection: Connection) -> int:
        row = require_run(call, connection)
        runs.patch_run(connection, row, changes)
        project_id: int = row.project_id
        return project_id

    project_id = await call.parts.database.write(change)
    call.parts.hub.publish(project_id)
    return await get_run(call)


async def delete_run(call: Call) -> web.Response:
    """Delete a run; its writers are told to stop, its data goes in the background."""

    def change(connection: Connection) -> int:
        row = require_run(call, connection)
        runs.delete_run(connection, row)
        project_id: int = row.project_id
        return project_id

    project_id = await call.parts.database.write(change)
    call.parts.hub.publish(project_id)
    call.parts.maintenance.wake()
    return answer({})


def require_run(call: Call, connection: Connection) -> Row[Any]:
    """
    Return the row of the run that the path names.

    Raises:
        RefusedError: 404.
    """
    identity = call.own_entity()
    row = runs.live_run(connection, identity.entity_id, call.name("project"), call.name("run"))
    if row is None:
        raise not_found("run")
    return row


def _detail(call: Call, connection: Connection) -> dict[str, Any]:
    row = require_run(call, connection)
    entity, project = call.identity.entity, call.name("project")
    shown = runs.show_runs(connection, [row], entity=entity, project=project)[0]
    return {**shown, "keys": list(run_keys(connection, row.id)), "metadata": json.loads(row.metadata)}


def _changes(body: dict[str, Any]) -> dict[str, Any]:
    unknown = body.keys() - {"name", "notes", "tags"}
    if unknown or not body:
        raise bad_request("bad_change", "name, notes and tags of a run can be changed")
    for name, longest in _MAX_TEXT.items():
        value = body.get(name, "-")
        if name == "notes" and value is None:
            continue
        if not isinstance(value, str) or len(value) > longest or (name == "name" and not value.strip()):
            raise bad_request("bad_change", f"{name} must be a text of at most {longest} characters")
    tags = body.get("tags", [])
    if (
        not isinstance(tags, list)
        or len(tags) > _MAX_TAGS
        or not all(isinstance(tag, str) and 0 < len(tag) <= 64 for tag in tags)
    ):
        raise bad_request("bad_change", f"tags must be at most {_MAX_TAGS} texts of 1 to 64 characters")
    return body
