"""Every address of the server: its method, its handler and the right it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from trialog.server.handlers import assets, health, history, ingest, live, projects, runs, series, session
from trialog.server.middleware import CallHandler, guarded

#: ``open`` needs nothing and tells nothing; ``read`` and ``write`` need a key or a login of the entity's owner.
Right = Literal["open", "read", "write"]

_API = "/api/v1"
_PROJECT = _API + "/projects/{entity}/{project}"
_RUN = _API + "/runs/{entity}/{project}/{run}"
_WRITER = _RUN + "/writers/{writer}"


@dataclass(frozen=True)
class Route:
    """One address."""

    method: str
    path: str
    handler: CallHandler
    right: Right


ROUTES = (
    Route("GET", _API + "/health", health.get_health, "open"),
    Route("POST", _API + "/session", session.open_session, "open"),
    Route("DELETE", _API + "/session", session.close_session, "open"),
    Route("GET", _API + "/me", session.get_me, "read"),
    Route("GET", _API + "/projects", projects.list_projects, "read"),
    Route("GET", _PROJECT + "/runs", projects.list_runs, "read"),
    Route("GET", _PROJECT + "/keys", projects.list_keys, "read"),
    Route("POST", _PROJECT + "/series", series.query_series, "read"),
    Route("GET", _PROJECT + "/events", live.stream_events, "read"),
    Route("GET", _RUN, runs.get_run, "read"),
    Route("PATCH", _RUN, runs.patch_run, "write"),
    Route("DELETE", _RUN, runs.delete_run, "write"),
    Route("GET", _RUN + "/history", history.read_history, "read"),
    Route("GET", _WRITER, ingest.get_cursor, "write"),
    Route("POST", _WRITER, ingest.post_frames, "write"),
    Route("GET", "/static/{version}/{name:.+}", assets.get_static, "open"),
    Route("GET", "/", assets.get_page, "open"),
    Route("GET", "/login", assets.get_page, "open"),
    Route("GET", "/{entity}/{project}", assets.get_page, "open"),
    Route("GET", "/{entity}/{project}/runs/{run}", assets.get_page, "open"),
)


def web_routes() -> Iterator[web.RouteDef]:
    """Yield the routes for aiohttp, each behind the check of its right."""
    for route in ROUTES:
        handler = guarded(route.handler, needs_login=route.right != "open")
        yield web.RouteDef(route.method, route.path, handler, {})
