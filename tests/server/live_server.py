"""A server in this process, and how tests talk to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from trialog.server.parts import Parts

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
