"""Login of the page, and who is logged in."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from trialog._version import __version__
from trialog.server.errors import bad_request
from trialog.server.parts import Call
from trialog.server.storage import accounts
from trialog.server.storage.accounts import Identity
from trialog.server.wire import answer


async def get_me(call: Call) -> web.Response:
    """Answer who asks, and which server answers."""
    return answer(_about(call.identity, call))


async def open_session(call: Call) -> web.Response:
    """Exchange an API key or the login code for a session cookie."""
    body = await call.json_object()
    identity = await call.parts.authenticator.log_in(api_key=_text(body, "api_key"), code=_text(body, "code"))
    replaced = call.request.cookies.get(call.parts.authenticator.cookie)
    token = await call.parts.database.write(
        lambda connection: accounts.open_session(connection, identity.account_id, replaced)
    )
    if replaced:
        call.parts.authenticator.forget(replaced)
    response = answer(_about(identity, call))
    response.set_cookie(
        call.parts.authenticator.cookie,
        token,
        max_age=int(accounts.SESSION_S),
        httponly=True,
        samesite="Lax",
        secure=call.request.secure,
        path="/",
    )
    return response


async def close_session(call: Call) -> web.Response:
    """End the session of the cookie."""
    token = call.request.cookies.get(call.parts.authenticator.cookie)
    if token:
        await call.parts.database.write(lambda connection: accounts.close_session(connection, token))
        call.parts.authenticator.forget(token)
    response = answer({})
    response.del_cookie(call.parts.authenticator.cookie, path="/")
    return response


def _about(identity: Identity, call: Call) -> dict[str, Any]:
    return {
        "user": identity.user,
        "entity": identity.entity,
        "instance": call.parts.instance,
        "version": __version__,
    }


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise bad_request("bad_login", f"{name} must be a text")
    return value
