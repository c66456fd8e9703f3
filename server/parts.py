"""What the parts of a running server are, and what a handler is called with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from trialog.server.assets import Assets
from trialog.server.auth import Authenticator
from trialog.server.errors import RefusedError, bad_request, not_found
from trialog.server.hosts import HostRule
from trialog.server.maintenance import Maintenance
from trialog.server.notify import Hub
from trialog.server.storage.accounts import Identity
from trialog.server.storage.database import Database

_NAME_LENGTH = 128
_FORBIDDEN = set("/\\#?%:")
UNCATEGORIZED = "uncategorized"


@dataclass(frozen=True)
class Parts:
    """Everything a handler may need of the server."""

    database: Database
    hub: Hub
    authenticator: Authenticator
    assets: Assets
    maintenance: Maintenance
    hosts: HostRule
    instance: str


PARTS = web.AppKey("parts", Parts)


@dataclass(frozen=True)
class Call:
    """A request, and who it comes from (None on routes that are open to everybody)."""

    request: web.Request
    caller: Identity | None

    @property
    def parts(self) -> Parts:
        """The server's parts."""
        return self.request.app[PARTS]

    @property
    def identity(self) -> Identity:
        """Who asks; only on routes that need a right."""
        if self.caller is None:
            raise AssertionError("a handler of an open route asked who is calling")
        return self.caller

    def own_entity(self) -> Identity:
        """
        Return the caller if the entity in the path is theirs.

        Raises:
            RefusedError: 404; whether somebody else's entity exists is not for the caller to know.
        """
        entity = self.request.match_info["entity"]
        if entity not in ("me", self.identity.entity):
            raise not_found("entity")
        return self.identity

    def name(self, part: str) -> str:
        """Return the project or run that the path names, checked."""
        name = self.request.match_info[part]
        if part == "project" and not name:
            return UNCATEGORIZED
        return valid_name(name, part)

    async def json_object(self) -> dict[str, Any]:
        """
        Read the body, which must be a JSON object.

        Raises:
            RefusedError: it is something else.
        """
        request = self.request
        if request.content_type != "application/json" or "Content-Encoding" in request.headers:
            raise RefusedError(415, "not_json", "this address takes application/json, not encoded further")
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError) as error:
            raise bad_request("bad_json", "the body is not valid JSON") from error
        if not isinstance(body, dict):
            raise bad_request("bad_json", "the body is not a JSON object")
        return body


def valid_name(name: str, part: str) -> str:
    """
    Return ``name`` if a project or run may be called that.

    Raises:
        RefusedError: it is empty, too long, or holds a character that addresses need for themselves.
    """
    printable = all(character.isprintable() for character in name)
    if not name or len(name) > _NAME_LENGTH or _FORBIDDEN & set(name) or not printable or name in (".", ".."):
        message = f"a {part} needs 1 to {_NAME_LENGTH} printable characters other than / \\ # ? % :"
        raise bad_request("bad_name", message)
    return name
