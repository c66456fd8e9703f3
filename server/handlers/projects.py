"""Projects, their runs and their metrics."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from trialog.server.errors import bad_request, not_found
from trialog.server.parts import Call
from trialog.server.storage import projects, runs
from trialog.server.storage.database import Snapshot
from trialog.server.wire import answer

_MAX_RUNS = 1000


async def list_projects(call: Call) -> web.Response:
    """Answer the caller's projects."""
    identity = call.identity
    found = await call.parts.database.read(lambda snapshot: projects.list_projects(snapshot.meta, identity))
    return answer({"projects": found})


async def list_runs(call: Call) -> web.Response:
    """Answer a page of a project's runs, the newest first."""
    identity, name = call.own_entity(), call.name("project")
    limit = positive(call.request.query.get("limit", str(_MAX_RUNS)), _MAX_RUNS)
    cursor = call.request.query.get("cursor") or None

    def query(snapshot: Snapshot) -> dict[str, Any]:
        project_id = projects.find_project(snapshot.meta, identity.entity_id, name)
        if project_id is None:
            raise not_found("project")
        rows, following = runs.list_runs(snapshot.meta, project_id, limit, cursor)
        shown = runs.show_runs(snapshot.meta, rows, entity=identity.entity, project=name)
        return {"runs": shown, "next": following, "version": projects.project_version(snapshot.meta, project_id)}

    return await call.parts.database.read(lambda snapshot: answer(query(snapshot)))


async def list_keys(call: Call) -> web.Response:
    """Answer the metrics of a project."""
    identity, name = call.own_entity(), call.name("project")

    def query(snapshot: Snapshot) -> list[dict[str, Any]]:
        project_id = projects.find_project(snapshot.meta, identity.entity_id, name)
        if project_id is None:
            raise not_found("project")
        return projects.list_keys(snapshot.meta, project_id)

    return answer({"keys": await call.parts.database.read(query)})


def positive(text: str, most: int) -> int:
    """
    Return a count from a query string, at most ``most``.

    Raises:
        RefusedError: it is no whole number from 1 on.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < 1:
        raise bad_request("bad_query", "limit must be a whole number from 1 on")
    return min(int(text), most)
