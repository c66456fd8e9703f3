"""
Reads a writer's log in upload batches, while it is being written, on any file system that can be read.

It remembers where it is (segment, offset), never the data, and polls: no file-system notification, so a
shared network directory works too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import aiofiles

from trialog._errors import CorruptLogError
from trialog._frames import HEADER_BYTES, MAX_PAYLOAD_BYTES, FrameType, SegmentHeader, pack_frame, recover_header
from trialog._records import Kind, make_packer, pack_anchor
from trialog.agent.wal.reader import Found, scan
from trialog.agent.wal.segments import list_segments

_MOST_LOST_PER_FRAME = 65535


@dataclass(frozen=True)
class Batch:
    """Frames of one segment, as they are sent: records ``first`` to ``last`` under the segment's ``salt``."""

    first: int
    last: int
    salt: int
    body: bytes

    @property
    def count(self) -> int:
        """How many record numbers the batch covers."""
        return self.last - self.first + 1


class LogFollower:
    """
    Follows the segments of one writer; one task at a time.

    ``damage`` says in words what could not be read; ``finished`` turns True at the writer's FINISH frame.
    """

    def __init__(self, directory: Path, writer: int) -> None:
        self.damage: list[str] = []
        self.finished = False
        self._directory = directory
        self._writer = writer
        self._paths: list[Path] = []
        self._index = 0
        self._offset = 0
        self._salt = 0
        self._pack = make_packer()

    def rewind(self) -> None:
        """Go back to the first segment: the server's cursor is behind what was read."""
        self._index = self._offset = 0

    async def next_batch(self, after: int, max_bytes: int) -> Batch | None:
        """Return the frames that follow record ``after``, about ``max_bytes`` of them; None when all is read."""
        while True:
            if self._index >= len(self._paths):
                self._paths = list_segments(self._directory).get(self._writer, [])
                if self._index >= len(self._paths):
                    return None
            batch = await self._read(self._paths[self._index], after, max_bytes)
            if batch is not None:
                return batch
            newer = list_segments(self._directory).get(self._writer, [])
            if self._index + 1 >= len(newer):
                return None
            # The writer opened the next segment after its last write to this one: look at this one's end
            # once more before leaving it.
            batch = await self._read(self._paths[self._index], after, max_bytes)
            if batch is not None:
                return batch
            self._paths, self._index, self._offset = newer, self._index + 1, 0

    async def _read(self, path: Path, after: int, max_bytes: int) -> Batch | None:
        async with aiofiles.open(path, "rb") as file:
            if self._offset == 0 and not self._start(path, await file.read(HEADER_BYTES)):
                return None
            size = max_bytes
            while True:
                await file.seek(self._offset)
                data = await file.read(size)
                batch, passed = self._gather(path, data, after, max_bytes)
                self._offset += passed
                if batch is not None or len(data) < size or size > 2 * MAX_PAYLOAD_BYTES:
                    return batch
                if not passed:
                    size *= 2

    def _start(self, path: Path, head: bytes) -> bool:
        if len(head) < HEADER_BYTES:
            return False
        try:
            header = SegmentHeader.unpack(head)
        except CorruptLogError as error:
            self._report(f"{path.name}: {error}")
            recovered = recover_header(head)
            if recovered is None:
                return False
            header = recovered
        if header.writer != self._writer:
            self._report(f"{path.name}: holds records of another writer ({header.writer:016x}); left out")
            return False
        self._salt, self._offset = header.salt, HEADER_BYTES
        return True

    def _gather(self, path: Path, data: bytes, after: int, max_bytes: int) -> tuple[Batch | None, int]:
        """Return the frames of ``data`` behind record ``after`` and how many of its bytes are done with."""
        parts: list[bytes] = []
        first, last, size, passed = after + 1, after, 0, 0
        for found in scan(data, 0, self._salt, 0):
            frame, length = found.frame, found.end - found.start
            if parts and size + length > max_bytes:
                break
            self._note_damage(path, found)
            passed = found.end
            self.finished = self.finished or frame.type == FrameType.FINISH
            if frame.type == FrameType.SEAL or frame.last_seq <= last:
                continue
            if frame.first_seq > last + 1:
                parts += self._losses(last + 1, frame.first_seq - 1)
            elif not parts:
                first = frame.first_seq
            parts.append(data[found.start : found.end])
            size += length
            last = frame.last_seq
        return (Batch(first, last, self._salt, b"".join(parts)) if parts else None), passed

    def _losses(self, first: int, last: int) -> list[bytes]:
        frames = []
        while first <= last:
            count = min(last - first + 1, _MOST_LOST_PER_FRAME)
            body = {
                "kind": "record",
                "reason": "damaged log",
                "count": count,
                "first_seq": first,
                "last_seq": first + count - 1,
            }
            payload = pack_anchor(self._pack, 0) + self._pack([Kind.LOSS, 0, body])
            frames.append(pack_frame(self._salt, FrameType.LOSS, first, count, payload))
            first += count
        return frames

    def _note_damage(self, path: Path, found: Found) -> None:
        if found.skipped:
            at = self._offset + found.start
            self._report(f"{path.name}: {found.skipped} damaged bytes before offset {at}")

    def _report(self, what: str) -> None:
        if what not in self.damage:
            self.damage.append(what)
