"""Who a request comes from: API keys, login sessions, and the login code of this process."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from aiohttp import web
from sqlalchemy import Connection

from trialog.server.errors import RefusedError
from trialog.server.storage import accounts
from trialog.server.storage.accounts import Identity
from trialog.server.storage.database import Database

_COOKIE = "trialog_session"

#: A revoked key works this much longer at most.
_TRUST_S = 1.0
_REMEMBERED = 1024
_LOGIN_FAILURES = 10
_LOGIN_WINDOW_S = 60.0

Finder = Callable[[Connection, str], "Identity | None"]


class Authenticator:
    """Tells who asks; remembers answers for a second, so that an upload does not look its key up each time."""

    def __init__(self, database: Database, owner: Identity, login_code: str | None, instance: str) -> None:
        # Browsers keep cookies by host, not by port: servers side by side on one machine need names of their own.
        self.cookie = f"{_COOKIE}_{instance}"
        self._database = database
        self._owner = owner
        self._login_code = login_code
        self._remembered: dict[bytes, tuple[float, Identity]] = {}
        self._failures: deque[float] = deque(maxlen=_LOGIN_FAILURES)

    async def identify(self, request: web.Request) -> tuple[Identity | None, bool]:
        """Return who asks (None: nobody known), and whether only a cookie says so."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return await self._look_up(key.strip(), accounts.identity_of_key), False
        token = request.cookies.get(self.cookie)
        if not token:
            return None, False
        return await self._look_up(token, accounts.identity_of_session), True

    async def log_in(self, *, api_key: str | None, code: str | None) -> Identity:
        """
        Return who may log in with this key or code.

        Raises:
            RefusedError: 401 for a wrong one, 429 after ten wrong ones within a minute.
        """
        now = time.monotonic()
        if len(self._failures) == _LOGIN_FAILURES and now - self._failures[0] < _LOGIN_WINDOW_S:
            message = "too many failed logins; wait a minute"
            raise RefusedError(429, "too_many_logins", message, headers={"Retry-After": "60"})
        if (
            code is not None
            and self._login_code is not None
            and hmac.compare_digest(code.encode(), self._login_code.encode())
        ):
            return self._owner
        identity = await self._look_up(api_key, accounts.identity_of_key) if api_key else None
        if identity is None:
            self._failures.append(now)
            raise RefusedError(401, "bad_login", "this key or login link is not valid here (any more)")
        return identity

    def forget(self, token: str) -> None:
        """Stop trusting a session token at once."""
        self._remembered.pop(_mark(token, accounts.identity_of_session), None)

    async def _look_up(self, secret: str, find: Finder) -> Identity | None:
        if not secret or len(secret) > 256:
            return None
        mark = _mark(secret, find)
        known = self._remembered.get(mark)
        now = time.monotonic()
        if known is not None and now - known[0] < _TRUST_S:
            return known[1]
        identity = await self._database.compute(partial(self._database.read_now, lambda s: find(s.meta, secret)))
        self._remembered.pop(mark, None)
        if identity is not None:
            while len(self._remembered) >= _REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[mark] = (now, identity)
        return identity


def new_login_code() -> str:
    """Return a code for the page link; it lives as long as the process."""
    return secrets.token_urlsafe(32)


def _mark(secret: str, find: Finder) -> bytes:
    # A session token presented as an API key must not find what it would find as a session.
    return accounts.digest(f"{find.__name__} {secret}")
