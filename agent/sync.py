"""
Uploads run directories from disk: once (``trialog sync``), or following them as they grow (``trialog ui``).

It is the agent's own uploader on a directory that somebody else writes. It changes nothing there, so the
directory may be read-only; the server's cursor makes it safe to repeat, to run twice at once, and to kill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from trialog._errors import TrialogError
from trialog.agent.diagnostics import Diagnostics
from trialog.agent.directory import find_run_directories
from trialog.agent.replay import is_writer_alive, read_identity
from trialog.agent.threads import AgentLoop
from trialog.agent.transport import HttpTransport
from trialog.agent.uploader import Uploader
from trialog.agent.wal.follower import LogFollower
from trialog.agent.wal.reader import Log, read_logs
from trialog.agent.wal.segments import list_segments

PATIENCE = 6
PARALLEL_RUNS = 8
SCAN_INTERVAL_S = 1.0
LONGEST_POLL_S = 5.0


@dataclass
class SyncResult:
    """
    What came of one run directory.

    ``records`` are in its logs, ``sent`` of them went out now; ``damage`` says what could not be read,
    ``problem`` why not everything readable is on the server (None: all of it is).
    """

    directory: Path
    name: str = ""
    project: str = ""
    run_id: str = ""
    base_url: str = ""
    records: int = 0
    sent: int = 0
    damage: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def ok(self) -> bool:
        """Whether everything that was ever written is on the server."""
        return self.problem is None and not self.damage


#: Tells where the run goes that the body of its RUN record names; raises TrialogError when that is not known.
FindDestination: TypeAlias = "Callable[[dict[str, Any]], Destination]"


@dataclass(frozen=True)
class Destination:
    """Where to upload to; ``entity`` None means the one that each run names, else the key's own."""

    base_url: str
    api_key: str | None
    entity: str | None = None

    def transport(self, identity: dict[str, Any], writer: int) -> HttpTransport:
        """Return the connection for one writer of the run that ``identity`` (a RUN record's body) names."""
        return HttpTransport(
            self.base_url,
            self.api_key,
            entity=self.entity or identity.get("entity") or "me",
            project=str(identity.get("project") or "uncategorized"),
            run_id=str(identity["id"]),
            writer=writer,
        )


def sync(
    paths: list[Path], find_destination: FindDestination, on_result: Callable[[SyncResult], None]
) -> list[SyncResult]:
    """
    Upload every run directory that ``paths`` mean, several at once, and return what came of each.

    ``on_result`` is called as each one ends. A directory that is damaged or refused stops none of the others.
    """
    loop = AgentLoop("trialog-sync")
    try:
        return loop.run_until_complete(_sync_all(paths, find_destination, on_result))
    finally:
        loop.close()


async def _sync_all(
    paths: list[Path], find_destination: FindDestination, on_result: Callable[[SyncResult], None]
) -> list[SyncResult]:
    gate = asyncio.Semaphore(PARALLEL_RUNS)

    async def one(directory: Path) -> SyncResult:
        result = SyncResult(directory)
        async with gate:
            try:
                await _sync_directory(result, find_destination)
            except (TrialogError, OSError) as error:
                result.problem = str(error)
        on_result(result)
        return result

    directories = [directory for path in paths for directory in find_run_directories(path)]
    return list(await asyncio.gather(*(one(directory) for directory in dict.fromkeys(directories))))


async def _sync_directory(result: SyncResult, find_destination: FindDestination) -> None:
    directory = result.directory
    logs = await asyncio.get_running_loop().run_in_executor(None, read_logs, directory)
    result.damage = tuple(text for log in logs for text in log.damage)
    identity = read_identity(logs)
    if identity is None and not any(log.frames or log.damage for log in logs):
        return  # killed before its first record: nothing was logged, so nothing is missing
    if identity is None:
        result.problem = "its log holds no record that says which run it is"
        return
    result.name, result.project = str(identity.get("name")), str(identity.get("project"))
    result.run_id = str(identity["id"])
    destination = find_destination(identity)
    result.base_url = destination.base_url
    for log in logs:
        await _sync_log(log, identity, destination, result)


async def _sync_log(log: Log, identity: dict[str, Any], destination: Destination, result: SyncResult) -> None:
    async def no_more(timeout_s: float) -> bool:
        return False

    diagnostics = Diagnostics(None, silent=True)
    async with destination.transport(identity, log.writer) as transport:
        follower = LogFollower(result.directory, log.writer)
        uploader = Uploader(follower, transport, no_more, diagnostics, PATIENCE)
        uploader.hurry()
        await uploader.run()
    diagnostics.close()
    result.records += log.last_seq
    result.sent += uploader.sent
    result.problem = result.problem or uploader.problem


class FolderFollower:
    """
    Keeps a server up to date with a folder of run directories: new runs, and rows as they come.

    ``say`` is told, once each, what of the folder cannot be read.
    """

    def __init__(self, folder: Path, destination: Destination, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._destination = destination
        self._say = say
        self._said: set[str] = set()
        self._tasks: dict[tuple[Path, int], asyncio.Task[None]] = {}
        self._diagnostics = Diagnostics(None, silent=True)

    def run(self) -> None:
        """Follow for ever; call it on a daemon thread."""
        loop = AgentLoop("trialog-follow")
        loop.run_until_complete(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                writers = await loop.run_in_executor(None, self._scan)
            except OSError as error:
                self._say_once(f"{self._folder} cannot be read: {error}")
                writers = []
            for directory, writer in writers:
                key = (directory, writer)
                if key not in self._tasks:
                    self._tasks[key] = asyncio.create_task(self._follow_guarded(directory, writer))
            await asyncio.sleep(SCAN_INTERVAL_S)

    def _scan(self) -> list[tuple[Path, int]]:
        return [
            (directory, writer)
            for directory in find_run_directories(self._folder)
            for writer in list_segments(directory)
        ]

    async def _follow_guarded(self, directory: Path, writer: int) -> None:
        """Follow one writer; when its files cannot be read (any more), say so and let the next scan try anew."""
        try:
            await self._follow(directory, writer)
        except OSError as error:
            self._say_once(f"{directory} cannot be followed: {error}")
            del self._tasks[directory, writer]

    async def _follow(self, directory: Path, writer: int) -> None:
        loop = asyncio.get_running_loop()
        wait_s = SCAN_INTERVAL_S / 2
        while True:
            logs = await loop.run_in_executor(None, read_logs, directory)
            identity = read_identity(logs)
            if identity is not None:
                break
            await asyncio.sleep(SCAN_INTERVAL_S)
        follower = LogFollower(directory, writer)
        seen = 0

        async def more(timeout_s: float) -> bool:
            nonlocal wait_s, seen
            if follower.finished:
                return False
            # A log that is silent, perhaps for ever, is looked at less and less often.
            wait_s = SCAN_INTERVAL_S / 2 if uploader.acked > seen else min(LONGEST_POLL_S, wait_s * 1.2)
            seen = uploader.acked
            await asyncio.sleep(min(wait_s, max(timeout_s, SCAN_INTERVAL_S / 2)))
            return True

        async with self._destination.transport(identity, writer) as transport:
            # A process elsewhere that is silent may be dead: only what it logs speaks for it.
            uploader = Uploader(
                follower, transport, more, self._diagnostics, alive=lambda: bool(is_writer_alive(identity))
            )
            await uploader.run()
        for text in follower.damage:
            self._say_once(f"{directory}: {text}")

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(text)
