"""Whether the server is there. It tells nothing else, because everybody may ask."""

from __future__ import annotations

from aiohttp import web

from trialog.server.parts import Call
from trialog.server.wire import answer


async def get_health(call: Call) -> web.Response:
    """Answer that the server is there."""
    return answer({"status": "ok"})
