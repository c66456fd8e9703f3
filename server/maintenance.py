"""What the server does on its own: compact, notice lost runs, remove deleted data."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from trialog.server.notify import Hub
from trialog.server.storage.compaction import TAIL_ROWS, compact_run, due_runs, purge_deleted
from trialog.server.storage.database import Database
from trialog.server.storage.runs import LOST_AFTER_S, mark_lost

_EVERY_S = 5.0
_log = logging.getLogger("trialog.server")


class Maintenance:
    """One task on the loop, and one thread that compacts; ``chunks.db`` has no other writer."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database = database
        self._hub = hub
        self._woken = asyncio.Event()
        self._started_at = time.time()
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="trialog-compact")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; needs the running loop."""
        self._task = asyncio.create_task(self._run(), name="trialog-maintenance")

    async def stop(self) -> None:
        """End after what is being done now."""
        self._stopping = True
        self._woken.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown(wait=True)

    def wake(self) -> None:
        """Look for work now."""
        self._woken.set()

    def note_tail(self, rows: int) -> None:
        """Take notice of a run's rows that are not compacted; enough of them are reason to wake."""
        if rows >= TAIL_ROWS:
            self._woken.set()

    async def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            try:
                await self._mark_lost()
                await asyncio.get_running_loop().run_in_executor(self._thread, self._compact)
            except Exception:  # noqa: BLE001 - one failed pass must not end all later ones
                _log.exception("background work failed; it is tried again in %g s", _EVERY_S)
            try:
                await asyncio.wait_for(self._woken.wait(), _EVERY_S)
            except asyncio.TimeoutError:
                continue

    async def _mark_lost(self) -> None:
        # Nobody could reach this server before it started, so silence counts from there at the earliest.
        now = time.time()
        if now - self._started_at < LOST_AFTER_S:
            return
        for project_id in await self._database.write(lambda connection: mark_lost(connection, now - LOST_AFTER_S)):
            self._hub.publish(project_id)

    def _compact(self) -> None:
        purge_deleted(self._database)
        for run_id in self._database.read_now(lambda snapshot: due_runs(snapshot.meta)):
            more = True
            while more and not self._stopping:
                more = compact_run(self._database, run_id)
