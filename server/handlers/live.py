"""Live updates as server-sent events."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from aiohttp import web

from trialog.server.columns import Block
from trialog.server.errors import not_found
from trialog.server.notify import Watcher
from trialog.server.parts import Call
from trialog.server.storage import projects, runs
from trialog.server.storage.database import Snapshot
from trialog.server.wire import dumps, float_name

TICK_S = 0.5
_PING_S = 15.0
_SETTLE_S = 0.02


async def stream_events(call: Call) -> web.StreamResponse:
    """
    Stream what changes in a project.

    The first tick comes at once: with the cursor of an earlier stream (``since`` or ``Last-Event-ID``) it
    names the runs that changed meanwhile, and that their points must be fetched; without one it only tells
    the version that the stream begins at.
    """
    identity, name = call.own_entity(), call.name("project")
    project_id = await call.parts.database.read(
        lambda snapshot: projects.find_project(snapshot.meta, identity.entity_id, name)
    )
    if project_id is None:
        raise not_found("project")
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
    )
    watcher = call.parts.hub.watch(project_id)
    try:
        await response.prepare(call.request)
        await _Stream(call, watcher, project_id, response).run(_since(call.request))
    except ConnectionError:
        pass  # the page was closed
    finally:
        call.parts.hub.leave(project_id, watcher)
    return response


class _Stream:
    """One open page."""

    def __init__(self, call: Call, watcher: Watcher, project_id: int, response: web.StreamResponse) -> None:
        self._call = call
        self._watcher = watcher
        self._project_id = project_id
        self._response = response
        self._version = 0

    async def run(self, since: int | None) -> None:
        await self._first_tick(since)
        while True:
            changed = await self._watcher.wait(_PING_S)
            if self._watcher.closed:
                return
            if not changed:
                await self._response.write(b": ping\n\n")
                continue
            await self._tick()
            await self._watcher.rest(TICK_S)

    async def _first_tick(self, since: int | None) -> None:
        self._watcher.take()
        if since is None:
            self._version = await self._call.parts.database.read(
                lambda snapshot: projects.project_version(snapshot.meta, self._project_id)
            )
            await self._send([], [], {})
            return
        self._version = since
        rows, deleted = await self._changes()
        await self._send(rows, deleted, {row["id"]: None for row in rows})

    async def _tick(self) -> None:
        rows, deleted = await self._changes()
        # A commit can be read a moment before it is published. Its points must be in this tick: a page that
        # comes back with this tick's version is not told of them again.
        await self._watcher.rest(_SETTLE_S)
        pending = self._watcher.take().blocks
        points = {run: None if blocks is None else _points(blocks) for run, blocks in pending.items()}
        points = {run: found for run, found in points.items() if found != {}}
        if rows or deleted or points:
            await self._send(rows, deleted, points)

    async def _changes(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Return what changed since the last tick, and move the version on; later commits come later."""
        call = self._call
        entity, project = call.identity.entity, call.name("project")

        def query(snapshot: Snapshot) -> tuple[int, list[dict[str, Any]], list[str]]:
            version = projects.project_version(snapshot.meta, self._project_id)
            rows, deleted = runs.changed_since(snapshot.meta, self._project_id, self._version)
            return version, runs.show_runs(snapshot.meta, rows, entity=entity, project=project), deleted

        self._version, shown, deleted = await call.parts.database.read(query)
        return shown, deleted

    async def _send(self, rows: list[dict[str, Any]], deleted: list[str], points: dict[str, Any]) -> None:
        data = dumps({"version": self._version, "runs": rows, "deleted": deleted, "points": points})
        await self._response.write(f"event: tick\nid: {self._version}\ndata: {data}\n\n".encode())


def _points(blocks: list[Block]) -> dict[str, list[list[Any]]]:
    found: dict[str, list[list[Any]]] = defaultdict(list)
    for block in blocks:
        for key in block.cells:
            column = block.column(key)
            column = column.take(column.values.numeric)
            numbers = column.values.numbers().tolist()
            for step, time_us, number in zip(column.steps.tolist(), column.times.tolist(), numbers, strict=True):
                found[key].append([step, time_us / 1e6, number if math.isfinite(number) else float_name(number)])
    return {key: points for key, points in found.items() if points}


def _since(request: web.Request) -> int | None:
    text = request.headers.get("Last-Event-ID") or request.query.get("since") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
