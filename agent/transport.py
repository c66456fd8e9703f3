"""
The seam to the network: three requests, and the aiohttp client behind them.

Only this module imports aiohttp, and only on the agent thread. Redirects are not followed, so the key never
leaves for another host; nothing in an answer is used but numbers and messages.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from types import TracebackType
from typing import Protocol
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from trialog._errors import CommError
from trialog._version import __version__
from trialog.agent.answers import Answer
from trialog.agent.backoff import parse_retry_after
from trialog.agent.wal.follower import Batch

MAX_ANSWER_BYTES = 1024 * 1024
_COMPRESS_FROM_BYTES = 2048
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Transport(Protocol):
    """What the uploader needs of a network. Every call raises CommError when no answer came."""

    async def ask_cursor(self) -> Answer:
        """Ask which record of this writer the server has last."""

    async def send(self, batch: Batch) -> Answer:
        """Send a batch."""

    async def heartbeat(self, acked: int) -> Answer:
        """Tell the server that the run is alive."""


class HttpTransport:
    """The server's ingest address of one writer."""

    def __init__(
        self, base_url: str, api_key: str | None, *, entity: str, project: str, run_id: str, writer: int
    ) -> None:
        parts = [quote(part, safe="") for part in (entity, project, run_id)]
        self.base_url = base_url
        self._url = f"{base_url}/api/v1/runs/{'/'.join(parts)}/writers/{writer:016x}"
        self._compress = urlsplit(base_url).hostname not in _LOOPBACK
        headers = {"User-Agent": f"trialog/{__version__}", "Accept": "application/json"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._session = aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=60, sock_connect=10, sock_read=30),
            trust_env=True,
            auto_decompress=False,
        )

    async def __aenter__(self) -> HttpTransport:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask_cursor(self) -> Answer:
        """Ask which record of this writer the server has last."""
        return await self._request("GET", self._url, None, {})

    async def send(self, batch: Batch) -> Answer:
        """Send a batch; bodies that leave the machine are compressed on a worker thread."""
        body, headers = batch.body, {"Content-Type": "application/x-trialog-frames"}
        if self._compress and len(body) >= _COMPRESS_FROM_BYTES:
            loop = asyncio.get_running_loop()
            body = await loop.run_in_executor(None, gzip.compress, body, 1)
            headers["Content-Encoding"] = "gzip"
        query = f"?first={batch.first}&count={batch.count}&salt={batch.salt}"
        return await self._request("POST", self._url + query, body, headers)

    async def heartbeat(self, acked: int) -> Answer:
        """Tell the server that the run is alive."""
        headers = {"Content-Type": "application/x-trialog-frames"}
        return await self._request("POST", f"{self._url}?first={acked + 1}&count=0&salt=0", b"", headers)

    async def _request(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as reply:
                data = await reply.content.read(MAX_ANSWER_BYTES)
                while not reply.content.at_eof() and len(data) < MAX_ANSWER_BYTES:
                    data += await reply.content.read(MAX_ANSWER_BYTES - len(data))
                retry_after = parse_retry_after(reply.headers.get("Retry-After"))
                return Answer(reply.status, _decode(data), retry_after)
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            raise CommError(f"{self.base_url}: {_describe(error)}") from error


def _describe(error: BaseException) -> str:
    """Say what failed in the system's words, without the client library's own."""
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error
        return os.strerror(reason.errno) if reason.errno else str(reason)
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__


def _decode(data: bytes) -> dict[str, object]:
    try:
        value = json.loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
