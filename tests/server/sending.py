"""A writer of a run, as a client would be one: makes records, frames and requests."""

from __future__ import annotations

import secrets
import time
from typing import Any

from trialog._frames import FrameType, pack_frame
from trialog._records import Kind, make_packer

CONTENT_TYPE = "application/x-trialog-frames"
_pack = make_packer()


def pack_records(records: list[list[Any]], first: int, salt: int, frame_type: int = FrameType.DATA) -> bytes:
    """Return one frame."""
    payload = _pack([time.time_ns() // 1000, 0]) + b"".join(_pack(record) for record in records)
    return pack_frame(salt, frame_type, first, len(records), payload)


def history(rows: list[dict[str, Any]], first_step: int = 0, step_us: int = 1000) -> list[list[Any]]:
    """Return HISTORY records for rows at successive steps."""
    return [[Kind.HISTORY, (first_step + i) * step_us, first_step + i, row] for i, row in enumerate(rows)]


class Sender:
    """One writer of one run; ``next`` is the number of its next record."""

    def __init__(self, server: Any, run: str = "r1", project: str = "digits", writer: str | None = None) -> None:
        self.server = server
        self.run = run
        self.writer = writer or secrets.token_hex(8)
        self.next = 1
        self.salt = secrets.randbits(32)
        self.run_path = f"/api/v1/runs/me/{project}/{run}"
        self.path = f"{self.run_path}/writers/{self.writer}"

    def run_record(self, **body: Any) -> list[Any]:
        """Return the record that attaches the writer."""
        about = {"attach": "new", "name": self.run, "started_at": time.time(), "runtime_s": 0.0, "metadata": {}}
        return [Kind.RUN, 0, {**about, **body}]

    async def post(self, first: int, body: Any, count: int, **headers: str) -> tuple[int, dict[str, Any]]:
        """Post a body as it is; return status and answer."""
        query = {"first": first, "count": count, "salt": self.salt}
        return await self.server.request(
            "POST", self.path, params=query, data=body, headers={"Content-Type": CONTENT_TYPE, **headers}
        )

    async def send(self, records: list[list[Any]], first: int | None = None) -> tuple[int, dict[str, Any]]:
        """Post records from ``first`` (default: the next ones) in one frame; return status and answer."""
        first = self.next if first is None else first
        status, answer = await self.post(first, pack_records(records, first, self.salt), len(records))
        if status == 200:
            self.next = max(self.next, first + len(records))
        return status, answer

    async def start(self, *more: list[Any], **body: Any) -> None:
        """Attach, and send more records with it."""
        status, answer = await self.send([self.run_record(**body), *more])
        assert status == 200, answer

    async def log(self, rows: list[dict[str, Any]], first_step: int = 0) -> None:
        """Log rows at successive steps."""
        status, answer = await self.send(history(rows, first_step))
        assert status == 200, answer

    async def show(self) -> dict[str, Any]:
        """Return the run as the server shows it."""
        return await self.server.get(self.run_path)

    async def rows(self, **query: Any) -> list[dict[str, Any]]:
        """Return all rows of the run, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self.server.get(f"{self.run_path}/history", params=query)
            found += page["rows"]
            if page["next"] is None:
                return found
            query["after"] = page["next"]

    async def values(self, key: str) -> list[tuple[int, Any]]:
        """Return (step, value) of one metric."""
        return [(row["_step"], row[key]) for row in await self.rows(keys=key)]
