"""The page and its files."""

from __future__ import annotations

from aiohttp import web

from trialog.server.errors import RefusedError, not_found
from trialog.server.parts import Call

_RESERVED = {"api", "static"}


async def get_page(call: Call) -> web.Response:
    """Send the page; it is the same for every address and asks for its data itself."""
    if call.request.match_info.get("entity") in _RESERVED:
        raise not_found("address")
    page = call.parts.assets.index()
    if page is None:
        raise RefusedError(503, "no_page", "this server was installed without its web page")
    return web.Response(
        body=page.body, content_type="text/html", charset="utf-8", headers={"Cache-Control": "no-cache"}
    )


async def get_static(call: Call) -> web.Response:
    """Send a file of the page; its address names its content, so it may be kept for ever."""
    info = call.request.match_info
    asset = call.parts.assets.find(info["version"], info["name"])
    if asset is None:
        raise not_found("file")
    charset = "utf-8" if asset.content_type.startswith("text/") else None
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return web.Response(body=asset.body, content_type=asset.content_type, charset=charset, headers=headers)
