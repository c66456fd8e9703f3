"""
Appends frames to a writer's segments; on the loop only, all file work through aiofiles.

The log is a valid prefix at every byte: a kill in the middle of a write leaves a torn frame, which readers
drop; a short write is cut off again before anything else is appended.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from pathlib import Path
from typing import Any

import aiofiles

from trialog._frames import FrameType, SegmentHeader, pack_frame, run_hash
from trialog._records import Pack, make_packer
from trialog.agent.files import open_private
from trialog.agent.wal.segments import segment_name

MAX_SEGMENT_BYTES = 16 * 1024 * 1024
SYNC_INTERVAL_S = 1.0


class SegmentWriter:
    """
    One writer of one run: numbers records, makes frames, rotates segments.

    ``written`` is the number of the last record that is in the file (it survives a kill of the process);
    ``synced`` that of the last one that survives power loss. ``sync_error`` is what the device last answered to
    a sync in the background, None when that went well.
    """

    def __init__(self, directory: Path, run_id: str, writer: int) -> None:
        self.writer = writer
        self.written = 0
        self.synced = 0
        self._directory = directory
        self._run_hash = run_hash(run_id)
        self._segment = 0
        self._salt = 0
        self._size = 0
        self._file: Any = None
        self._pack: Pack = make_packer()
        self.sync_error: OSError | None = None
        self._syncing: asyncio.Task[None] | None = None
        self._last_sync_s = time.monotonic()

    async def open(self) -> None:
        """
        Start the next segment; its header and its name in the directory are on disk when this returns.

        Raises:
            OSError: the directory cannot be written.
        """
        self._segment += 1
        self._salt = secrets.randbits(32)
        header = SegmentHeader(self._salt, self._run_hash, self.writer, self._segment, self.written + 1, time.time_ns())
        path = self._directory / segment_name(self.writer, self._segment)
        self._file = file = await aiofiles.open(path, "xb", buffering=0, opener=open_private)
        self._size = 0
        try:
            await self._write(header.pack())
            await self._sync_file()
            await asyncio.get_running_loop().run_in_executor(None, _sync_directory, self._directory)
        except OSError:
            # Frames behind a torn header could never be read: the next append begins another segment.
            self._file = None
            await file.close()
            raise

    async def append(self, frame_type: FrameType, count: int, payload: bytes) -> None:
        """
        Write one frame of ``count`` records.

        Raises:
            OSError: nothing of the frame is in the log.
        """
        if self._file is None or self._size >= MAX_SEGMENT_BYTES:
            await self.close()
            await self.open()
        await self._write(pack_frame(self._salt, frame_type, self.written + 1, count, payload))
        self.written += count

    def start_sync_if_due(self) -> None:
        """
        Begin to sync to the device when the last time is a second ago and no sync is under way.

        Nothing waits for it but :meth:`close`: a slow device never keeps rows out of the file.
        """
        due = time.monotonic() - self._last_sync_s >= SYNC_INTERVAL_S
        if due and self.synced < self.written and self._syncing is None:
            self._syncing = asyncio.create_task(self._sync_in_background())

    async def _sync_in_background(self) -> None:
        try:
            await self._sync()
        except OSError as error:
            self.sync_error = error
        else:
            self.sync_error = None
        finally:
            self._syncing = None

    async def _sync(self) -> None:
        self._last_sync_s = time.monotonic()
        upto = self.written
        await self._sync_file()
        self.synced = upto

    async def close(self) -> None:
        """Seal the segment (a SEAL frame tells a clean end from a cut one), sync and close it."""
        if self._file is None:
            return
        if self._syncing is not None:
            await asyncio.wait({self._syncing})
        seal = self._pack({"last_seq": self.written})
        await self._write(pack_frame(self._salt, FrameType.SEAL, self.written + 1, 0, seal))
        await self._sync()
        await self._file.close()
        self._file = None

    async def _write(self, data: bytes) -> None:
        start, done = self._size, 0
        try:
            while done < len(data):
                done += await self._file.write(data[done:] if done else data)
        except OSError:
            if done:
                await self._file.truncate(start)
                await self._file.seek(start)
            raise
        self._size += len(data)

    async def _sync_file(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, _sync_descriptor, self._file.fileno())


def _sync_descriptor(descriptor: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
