from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.server.live_server import PAGE, LiveServer
from trialog.server.app import OPENED, create_app
from trialog.server.assets import Assets
from trialog.server.parts import PARTS
from trialog.server.settings import ServerSettings
from trialog.server.storage.accounts import make_key

OpenServer = Callable[..., AbstractAsyncContextManager[LiveServer]]


@asynccontextmanager
async def _open_server(data_dir: Path, host: str = "127.0.0.1") -> AsyncIterator[LiveServer]:
    app = create_app(ServerSettings(data_dir, host))
    app[PARTS] = replace(app[PARTS], assets=Assets(PAGE))
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    opened = app[OPENED]
    key = opened.database.submit(lambda c: make_key(c, opened.owner.account_id)).result()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield LiveServer(f"http://127.0.0.1:{port}", key, opened.login_code, app[PARTS], http)
    await runner.cleanup()


@pytest.fixture
def open_server() -> OpenServer:
    return _open_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LiveServer]:
    async with _open_server(tmp_path / "data") as live:
        yield live
