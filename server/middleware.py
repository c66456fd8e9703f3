"""What happens to every request before its handler, and to every answer after it."""

from __future__ import annotations

import contextvars
import logging
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from trialog.server.errors import RefusedError
from trialog.server.parts import PARTS, Call
from trialog.server.wire import dumps

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CallHandler = Callable[[Call], Awaitable[web.StreamResponse]]

_log = logging.getLogger("trialog.server")
_request_id: contextvars.ContextVar[str] = contextvars.ContextVar("trialog_request_id", default="")
_SAFE = {"GET", "HEAD", "OPTIONS"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Server": "trialog",
}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers and the request id on an answer that is about to be sent."""
    response.headers.update(_HEADERS)
    response.headers["X-Request-Id"] = _request_id.get()
    response.headers.setdefault("Cache-Control", "no-store")


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, and turn whatever goes wrong into a JSON answer that tells no internals."""
    _request_id.set(secrets.token_hex(8))
    try:
        return await handler(request)
    except RefusedError as error:
        if error.status >= 500:
            _log.error("request %s: %s", _request_id.get(), error, exc_info=error.__cause__)
        body = {"error": {"code": error.code, "message": error.message}, **error.extra}
        return _error(error.status, body, error.headers)
    except web.HTTPException as error:
        code = (error.reason or "error").lower().replace(" ", "_")
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _error(error.status, {"error": {"code": code, "message": f"{error.reason}: {request.path}"}}, headers)
    except Exception:  # noqa: BLE001 - logged here; nothing of it may reach the client
        _log.exception("request %s: %s %s failed", _request_id.get(), request.method, request.path)
        message = "the server failed on this request; its log has the reason under this request id"
        return _error(500, {"error": {"code": "internal", "message": message}}, {})


@web.middleware
async def check_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests that were sent to a name that is not this server's."""
    if not request.app[PARTS].hosts.allows(request.headers.get("Host")):
        raise RefusedError(403, "bad_host", "this server does not answer to that host name")
    return await handler(request)


def guarded(handler: CallHandler, *, needs_login: bool) -> Handler:
    """Return a handler that lets only those in who have the right, before it reads any of the body."""

    async def guard(request: web.Request) -> web.StreamResponse:
        caller, by_cookie = None, False
        if needs_login:
            caller, by_cookie = await request.app[PARTS].authenticator.identify(request)
            if caller is None:
                message = "no valid API key or login; run `trialog login`, or open the link the server printed"
                raise RefusedError(401, "unauthorized", message, headers={"WWW-Authenticate": "Bearer"})
        by_key = caller is not None and not by_cookie
        if request.method not in _SAFE and not by_key:
            _check_origin(request, by_cookie=by_cookie)
        return await handler(Call(request, caller))

    return guard


def _check_origin(request: web.Request, *, by_cookie: bool) -> None:
    """Refuse changes that another site's page may have made the browser send (CSRF)."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        own = site in ("same-origin", "none")
    elif origin is not None:
        own = origin == f"{request.scheme}://{request.headers.get('Host')}"
    else:
        own = not by_cookie
    if not own:
        raise RefusedError(403, "cross_site", "this change was asked for by another site's page")


def _error(status: int, body: dict[str, object], headers: dict[str, str]) -> web.Response:
    text = dumps({**body, "request_id": _request_id.get()})
    return web.Response(text=text, status=status, content_type="application/json", headers=headers)
