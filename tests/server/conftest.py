from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from trialog.server.app import OPENED, create_app
from trialog.server.assets import Assets
from trialog.server.parts import PARTS, Parts
from trialog.server.settings import ServerSettings
from trialog.server.storage.accounts import make_key

PAGE = Path(__file__).parent / "page"


@dataclass
class LiveServer:
    """A server in this process, over real files and a real port."""

    base_url: str
    api_key: str
    login_code: str | None
    parts: Parts
    http: aiohttp.ClientSession

    async def request(self, method: str, path: str, *, key: str | None = "", **options: Any) -> tuple[int, Any]:
        """Send a request with the owner's key (or ``key``; None: without) and return status and JSON."""
        headers = dict(options.pop("headers", None) or {})
        if key is not None:
            headers.setdefault("Authorization", f"Bearer {key or self.api_key}")
        async with self.http.request(method, self.base_url + path, headers=headers, **options) as response:
            text = await response.text()
            return response.status, json.loads(text) if response.content_type == "application/json" else text

    async def get(self, path: str, **options: Any) -> Any:
        status, answer = await self.request("GET", path, **options)
        assert status == 200, answer
        return answer

    async def series(self, run: str, key: str, project: str = "digits", **query: Any) -> dict[str, Any]:
        body = {"runs": [run], "keys": [key], **query}
        status, answer = await self.request("POST", f"/api/v1/projects/me/{project}/series", json=body)
        assert status == 200, answer
        return answer["series"][0]


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
