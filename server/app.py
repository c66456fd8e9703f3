"""The application: its parts, put together."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from trialog.server.assets import Assets
from trialog.server.auth import Authenticator, new_login_code
from trialog.server.errors import StartError
from trialog.server.hosts import HostRule
from trialog.server.maintenance import Maintenance
from trialog.server.middleware import add_headers, answer_errors, check_host
from trialog.server.notify import Hub
from trialog.server.parts import PARTS, Parts
from trialog.server.routes import web_routes
from trialog.server.settings import ServerSettings, is_loopback
from trialog.server.storage.accounts import Identity, ensure_account, instance_id
from trialog.server.storage.database import Database

_MAX_JSON_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Opened:
    """The open database of a server, its owner, and the login code of this process (None: not on loopback)."""

    database: Database
    instance: str
    owner: Identity
    login_code: str | None


OPENED = web.AppKey("opened", Opened)


def create_app(settings: ServerSettings) -> web.Application:
    """
    Return the application over the data in ``settings.data_dir``, which is made when it is missing.

    Run it with ``auto_decompress=False``: handlers decompress bodies themselves, within limits. It closes its
    data when the application is cleaned up.

    Raises:
        StartError: the folder cannot be used, or another server uses it.
    """
    opened = _open(settings)
    app = web.Application(middlewares=[answer_errors, check_host], client_max_size=_MAX_JSON_BYTES)
    app[OPENED] = opened
    hub = Hub()
    app[PARTS] = Parts(
        database=opened.database,
        hub=hub,
        authenticator=Authenticator(opened.database, opened.owner, opened.login_code, opened.instance),
        assets=Assets(),
        maintenance=Maintenance(opened.database, hub),
        hosts=HostRule(settings.host),
        instance=opened.instance,
    )
    app.add_routes(web_routes())
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_close_streams)
    app.cleanup_ctx.append(_run_parts)
    return app


async def _close_streams(app: web.Application) -> None:
    app[PARTS].hub.close()


async def _run_parts(app: web.Application) -> AsyncIterator[None]:
    parts = app[PARTS]
    parts.maintenance.start()
    yield
    await parts.maintenance.stop()
    parts.database.close()


def _open(settings: ServerSettings) -> Opened:
    make_private(settings.data_dir)
    database = Database(settings.data_dir)
    try:
        database.open()
        instance = database.submit(instance_id).result()
        owner = database.submit(lambda connection: ensure_account(connection, os_account())).result()
    except BaseException:
        database.close()
        raise
    return Opened(database, instance, owner, new_login_code() if is_loopback(settings.host) else None)


def make_private(folder: Path) -> None:
    """
    Make a folder that only its owner can enter.

    Raises:
        StartError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.name == "posix":
            folder.chmod(0o700)
    except OSError as error:
        raise StartError(f"the data folder {folder} cannot be used ({error.strerror}); name another: --data") from error


def os_account() -> str:
    """Return the name of the account that runs the server, in letters that an address can hold."""
    name = ""
    with contextlib.suppress(OSError, KeyError, ImportError):
        name = getpass.getuser()
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:64] or "user"
