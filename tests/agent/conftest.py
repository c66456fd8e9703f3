"""A server for the uploader to talk to: the ingest protocol over real sockets, kept in memory, faults on demand."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

import trialog
from trialog import _session
from trialog._frames import FrameType, iter_frames
from trialog._records import Kind, Record, decode_frame

KEY = "tl_" + "k" * 43


@dataclass
class Writer:
    """What the server has of one writer: its cursor, and its records by number."""

    cursor: int = 0
    records: dict[int, Record] = field(default_factory=dict)
    lost: list[tuple[int, int]] = field(default_factory=list)

    def apply(self, body: bytes, salt: int, first: int, count: int) -> None:
        expected = first
        for frame in iter_frames(body, salt):
            assert frame.type != FrameType.SEAL, "a SEAL frame was sent"
            assert frame.first_seq == expected, f"frame at {frame.first_seq} where {expected} was due"
            expected = frame.last_seq + 1
            for record in decode_frame(frame):
                if frame.type == FrameType.LOSS:
                    if frame.last_seq > self.cursor:
                        self.lost.append((frame.first_seq, frame.last_seq))
                elif record.seq > self.cursor:
                    assert record.seq not in self.records, f"record {record.seq} was applied twice"
                    self.records[record.seq] = record
        assert expected == first + count, f"{expected - first} records where count={count}"
        self.cursor = first + count - 1


@dataclass
class Received:
    """One request, as a fault sees it; ``accept`` applies it and returns the honest answer."""

    method: str
    run: str
    first: int
    count: int
    number: int
    accept: Callable[[], web.Response]


#: Answers in place of the server: a response, None for the honest one, "drop" to cut the connection.
Fault = Callable[[Received], "web.Response | str | None"]


def refusal(status: int, code: str, **headers: str) -> web.Response:
    """Return an error as the server words it."""
    body = {"error": {"code": code, "message": f"because of {code}"}, "request_id": "x"}
    return web.json_response(body, status=status, headers=headers)


class IngestServer:
    """
    A server of the ingest protocol, on a thread of its own.

    ``fault`` may answer in its place. ``violations`` holds whatever a client did against the protocol.
    """

    def __init__(self, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}"
        self.writers: dict[tuple[str, str, str, str], Writer] = {}
        self.fault: Fault | None = None
        self.violations: list[str] = []
        self.requests: list[tuple[str, int, int]] = []
        self.instance = "one"
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._runner: web.AppRunner | None = None

    def start(self) -> None:
        """Listen."""
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        """Stop listening and end the thread."""
        if self._thread is not None and self._thread.is_alive():
            assert self._runner is not None
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        if not self._loop.is_closed():
            self._loop.close()

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = 20.0) -> None:
        """Wait until ``condition()`` is true, looking after every request."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                assert left > 0, f"did not happen within {seconds} s: {what}; requests {self.requests[-20:]}"
                self._changed.wait(min(left, 0.5))

    @property
    def only(self) -> Writer:
        """The one writer that came."""
        assert len(self.writers) == 1, list(self.writers)
        return next(iter(self.writers.values()))

    def rows(self) -> dict[int, dict[str, Any]]:
        """Return the rows of the only writer by step."""
        rows: dict[int, dict[str, Any]] = {}
        for _, record in sorted(self.only.records.items()):
            if record.kind == Kind.HISTORY:
                row = rows.setdefault(record.step, {})
                assert not row.keys() & record.body.keys(), f"step {record.step} came twice"
                row.update(record.body)
        return rows

    def kinds(self) -> list[int]:
        """Return the kinds of the only writer's records in order."""
        return [record.kind for _, record in sorted(self.only.records.items())]

    async def _listen(self) -> None:
        app = web.Application(client_max_size=8 * 2**20)
        path = "/api/v1/runs/{entity}/{project}/{run}/writers/{writer}"
        app.router.add_get(path, self._handle)
        app.router.add_post(path, self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        info, query = request.match_info, request.query
        key = (info["entity"], info["project"], info["run"], info["writer"])
        first, count = int(query.get("first", 0)), int(query.get("count", 0))
        self.requests.append((request.method, first, count))
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        received = Received(
            request.method,
            info["run"],
            first,
            count,
            len(self.requests),
            lambda: self._answer(request, key, first, count, body),
        )
        try:
            answer: Any = self.fault(received) if self.fault is not None else None
            answer = received.accept() if answer is None else answer
        except Exception as error:
            self.violations.append(repr(error))
            answer = refusal(400, "bad_frames")
        with self._changed:
            self._changed.notify_all()
        if answer == "drop":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return answer

    def _answer(
        self, request: web.Request, key: tuple[str, str, str, str], first: int, count: int, body: bytes
    ) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return refusal(401, "unauthorized")
        if request.method == "GET":
            cursor = self.writers[key].cursor if key in self.writers else 0
            return web.json_response({"instance": self.instance, "cursor": cursor, "entity": "ada", "user": "ada"})
        assert request.content_type == "application/x-trialog-frames"
        assert len(body) <= 4 * 2**20, "a body over the limit"
        writer = self.writers.get(key) or Writer()
        if count == 0:
            assert not body
        elif first > writer.cursor + 1:
            error = {"code": "gap", "message": "records are missing"}
            return web.json_response({"error": error, "expected": writer.cursor + 1}, status=409)
        elif first + count - 1 > writer.cursor:
            writer.apply(body, int(request.query["salt"]), first, count)
            self.writers[key] = writer
        return web.json_response({"instance": self.instance, "ack": writer.cursor})


@pytest.fixture
def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(free_port: int) -> Iterator[IngestServer]:
    """Return the server, not listening yet at ``server.base_url``."""
    double = IngestServer(free_port)
    yield double
    double.stop()
    assert double.violations == []


@pytest.fixture
def online(server: IngestServer) -> Iterator[Callable[..., trialog.Run]]:
    """Return a function that starts an online run towards the server."""

    def start(settings: dict[str, Any] | None = None, **arguments: Any) -> trialog.Run:
        given = {"base_url": server.base_url, "api_key": KEY, "disable_stats": True, "finish_timeout": 30}
        return trialog.init(
            **{"project": "p", "mode": "online", "reinit": "finish_previous", **arguments},
            settings={**given, **(settings or {})},
        )

    yield start
    _session._session.finish_all()


@pytest.fixture
def refuse() -> Callable[..., web.Response]:
    """Return the function that words an error as the server does."""
    return refusal


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the waits that only a clock can end: finish() gives up on a dead server at once."""
    monkeypatch.setattr("trialog.agent.agent.UNREACHABLE_GRACE_S", 0.2)


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the backoff to milliseconds."""
    monkeypatch.setattr("trialog.agent.backoff.FIRST_S", 0.02)
    monkeypatch.setattr("trialog.agent.backoff.CAP_S", 0.1)
    monkeypatch.setattr("trialog.agent.backoff.FLOOR_S", 0.01)
    monkeypatch.setattr("trialog.agent.uploader.PAUSE_S", 0.2)
