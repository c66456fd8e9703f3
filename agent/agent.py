"""The agent of one run: a daemon thread with its own event loop, and what the user's threads may ask of it."""

from __future__ import annotations

import asyncio
import importlib
import socket
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from trialog._settings import Settings
from trialog.agent.calls import Call, Finish, Question
from trialog.agent.clock import RunClock
from trialog.agent.counters import Counters
from trialog.agent.diagnostics import Diagnostics
from trialog.agent.journal import Journal
from trialog.agent.life import MOVES, FinishReport, RunSpec, State
from trialog.agent.poller import Poller
from trialog.agent.provenance import read_metadata
from trialog.agent.queue import CallQueue
from trialog.agent.run_files import RunFiles, keep_fresh
from trialog.agent.threads import AgentLoop
from trialog.agent.uploader import Uploader
from trialog.agent.wal.follower import LogFollower
from trialog.agent.wal.writer import SegmentWriter

START_TIMEOUT_S = 2.0
DISK_TIMEOUT_S = 5.0
UNREACHABLE_GRACE_S = 3.0
INTERRUPTED_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 5.0


class Agent:
    """The face of the agent thread; safe to call from any thread."""

    def __init__(self, spec: RunSpec, settings: Settings) -> None:
        self.spec = spec
        self.diagnostics = Diagnostics(spec.directory / "debug.log", settings.silent)
        self._started_at = time.time()
        self._clock = RunClock()
        self._state = State.NEW
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._queue: CallQueue[Call] = CallQueue(self._wake)
        self.put: Callable[[Call], None] = self._queue.put
        self._ready = threading.Event()
        self._logged = threading.Event()
        self._done = threading.Event()
        self._loop: AgentLoop | None = None
        self._journal: Journal | None = None
        self._uploader: Uploader | None = None
        self._ending = False
        self._refused = 0
        # Its threads start here: once the interpreter ends, Python 3.12 starts none.
        self._poller = None if settings.disable_stats else self._make_poller(settings)
        self._polling: asyncio.Task[Any] | None = None
        self._thread = threading.Thread(target=self._run_thread, name="trialog-agent", daemon=True)

    @property
    def state(self) -> State:
        """Where in its life the agent is."""
        return self._state

    def start(self) -> None:
        """Start the thread and wait until the log is open, or has failed to."""
        self._move(State.RUNNING)
        self._thread.start()
        self._ready.wait(START_TIMEOUT_S)

    def ask(self, answer: Callable[[Journal], Any]) -> Any:
        """
        Return ``answer(journal)``, taken when every call made before this one has been applied.

        Returns None when the agent does not answer within five seconds.
        """
        journal = self._journal
        if journal is None:
            return None
        if self._state is not State.RUNNING or threading.current_thread() is self._thread:
            return answer(journal)
        question = Question(lambda: answer(journal))
        self.put(question)
        question.done.wait(ANSWER_TIMEOUT_S)
        return question.result

    def finish(self, exit_code: int, timeout_s: float) -> FinishReport:
        """
        Write what is queued, seal the log, upload for at most ``timeout_s``, stop the thread.

        Raises:
            KeyboardInterrupt: it came while waiting; the first one cuts the waiting to two seconds, a second
                one ends it. What is not sent yet stays in the log.
        """
        if self._state is not State.RUNNING:
            return self._report()
        self._move(State.DRAINING)
        self._on_loop(lambda: self._begin_finish(exit_code))
        try:
            self._wait_for_the_end(timeout_s)
        except KeyboardInterrupt:
            self.diagnostics.say("interrupted: two more seconds for the upload; Ctrl-C again leaves at once")
            self._wait_for_the_end(min(timeout_s, INTERRUPTED_TIMEOUT_S))
            raise
        finally:
            self._on_loop(self._stop)
            self._thread.join(2.0)
            if self.state is State.DRAINING:
                self._move(State.CLOSED)
            self.put = self._refuse
            self.diagnostics.close()
        return self._report()

    def abandon(self) -> None:
        """In a forked child: forget the parent's thread, loop and sockets without touching them."""
        self.put = self._refuse
        self._state = State.CLOSED

    def _wait_for_the_end(self, timeout_s: float) -> None:
        """Wait for the disk, then for the last acknowledgement; not for a server that does not answer."""
        if not self._logged.wait(DISK_TIMEOUT_S):
            return
        begun = time.monotonic()
        while not self._done.wait(0.05):
            waited = time.monotonic() - begun
            uploader = self._uploader
            hopeless = uploader is not None and uploader.problem is not None and uploader.failures > 1
            if waited > timeout_s or (hopeless and waited > UNREACHABLE_GRACE_S):
                return

    def _report(self) -> FinishReport:
        journal, uploader = self._journal, self._uploader
        counters = journal.counters if journal is not None else Counters()
        acked = uploader.acked if uploader is not None else 0
        unsent = counters.records - acked if self.spec.base_url is not None else 0
        problem = uploader.problem if uploader is not None else None
        waiting = len(self._queue) + (journal.unwritten if journal is not None else 0)
        # The last of what waits is the call that ends the run, which is nothing of the user's.
        unwritten = max(0, waiting - int(self._ending)) + self._refused
        return FinishReport(counters.records, counters.rows, max(0, unsent), unwritten, problem)

    def _refuse(self, call: Call) -> None:
        """Stand in for the queue once nothing can be logged any more: count what comes, answer who asks."""
        if isinstance(call, Question):
            call.done.set()
        else:
            self._refused += 1

    def _move(self, state: State) -> None:
        if state not in MOVES[self._state]:
            raise AssertionError(f"an agent cannot go from {self._state} to {state}")
        self._state = state

    def _wake(self) -> None:
        try:
            self._wake_writer.send(b"\0")
        except OSError:
            # Full: the loop has wakes enough. Closed: it has ended.
            return

    def _on_loop(self, action: Callable[[], None]) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(action)
        except RuntimeError:
            # The thread has ended and closed its loop; there is nothing left to act on.
            return

    # Everything below runs on the agent thread.

    def _run_thread(self) -> None:
        loop = self._loop = AgentLoop("trialog-worker")
        try:
            loop.run_until_complete(self._main(loop))
        except Exception as error:  # noqa: BLE001 - nothing may leave this thread; it is said and noted
            self._state = State.FAILED
            self.put = self._refuse
            self._explain("logging stopped", error)
        finally:
            loop.run_until_complete(_cancel(list(asyncio.all_tasks(loop))))
            loop.close()
            self._wake_reader.close()
            self._wake_writer.close()
            for event in (self._ready, self._logged, self._done):
                event.set()

    def _explain(self, what: str, error: BaseException) -> None:
        where = self.spec.directory
        self.diagnostics.say_once(what, f"{what}: {error!r}; the training goes on, details in {where}/debug.log")
        self.diagnostics.note("".join(traceback.format_exception(type(error), error, error.__traceback__)))

    async def _main(self, loop: AgentLoop) -> None:
        self._stopped = asyncio.Event()
        self._grown = asyncio.Event()
        writer = SegmentWriter(self.spec.directory, self.spec.run_id, self.spec.writer)
        await writer.open()
        journal = Journal(self._queue, writer, self._clock, self.diagnostics, self._grown.set)
        self._journal = journal
        loop.add_reader(self._wake_reader, self._on_wake, journal)
        metadata = read_metadata()
        # init() returns with the RUN record in the log, so a run that is killed at once can still be named.
        await journal.attach(self._attach(metadata))
        self._ready.set()
        self.diagnostics.note(f"run {self.spec.run_id}, writer {self.spec.writer:016x}, log open")
        upload = asyncio.create_task(self._upload())
        files = RunFiles(self.spec.directory, self.diagnostics)
        self._ended = asyncio.Event()
        kept_fresh = self._start_side_tasks(files, journal, metadata)
        await journal.run()
        await self._end_side_tasks(kept_fresh)
        self.diagnostics.note(f"log sealed at record {writer.written}, exit code {journal.exit_code}")
        self._logged.set()
        self._grown.set()
        stop = asyncio.create_task(self._stopped.wait())
        await asyncio.wait({upload, stop}, return_when=asyncio.FIRST_COMPLETED)
        await _cancel([upload, stop])

    def _attach(self, metadata: dict[str, Any]) -> dict[str, Any]:
        spec = self.spec
        return {
            "id": spec.run_id,
            "project": spec.project,
            "entity": spec.entity,
            "name": spec.name,
            "group": spec.group,
            "job_type": spec.job_type,
            "tags": list(spec.tags),
            "notes": spec.notes,
            "base_url": spec.base_url,
            "attach": "new",
            "started_at": self._started_at,
            "runtime_s": 0.0,
            "metadata": metadata,
        }

    def _make_poller(self, settings: Settings) -> Poller:
        return Poller(
            self.spec.directory,
            self._queue.put,
            self.diagnostics,
            settings.stats_sampling_interval,
            settings.stats_interval,
        )

    def _start_side_tasks(self, files: RunFiles, journal: Journal, metadata: dict[str, Any]) -> asyncio.Task[Any]:
        if self._poller is not None:
            self._polling = asyncio.create_task(self._poller.run())
            self._polling.add_done_callback(self._on_side_task_end)

        def read() -> tuple[dict[str, Any], dict[str, Any]]:
            return journal.config, journal.summary.shown()

        fresh = asyncio.create_task(keep_fresh(files, metadata, read, self._ended))
        fresh.add_done_callback(self._on_side_task_end)
        return fresh

    async def _end_side_tasks(self, fresh: asyncio.Task[Any]) -> None:
        """Stop the statistics, and let the files be written a last time: a write is never cut off half way."""
        if self._polling is not None and self._poller is not None:
            await _cancel([self._polling])
            self._poller.close()
        self._ended.set()
        await asyncio.wait({fresh})

    def _on_side_task_end(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._explain("statistics or run files stopped", task.exception() or RuntimeError())

    async def _upload(self) -> None:
        try:
            if self.spec.base_url is not None:
                await self._upload_to(self.spec.base_url)
        except Exception as error:  # noqa: BLE001 - the log is safe on disk, and sync can send it
            self._explain("upload stopped", error)
        finally:
            self._done.set()

    async def _upload_to(self, base_url: str) -> None:
        spec = self.spec
        # aiohttp takes a fifth of a second to import; the drain goes on meanwhile.
        loop = asyncio.get_running_loop()
        transport = await loop.run_in_executor(None, importlib.import_module, "trialog.agent.transport")
        async with transport.HttpTransport(
            base_url,
            spec.api_key,
            entity=spec.entity or "me",
            project=spec.project,
            run_id=spec.run_id,
            writer=spec.writer,
        ) as server:
            follower = LogFollower(spec.directory, spec.writer)
            self._uploader = Uploader(follower, server, self._more, self.diagnostics)
            if self._state is State.DRAINING:
                self._uploader.hurry()
            await self._uploader.run()

    async def _more(self, timeout_s: float) -> bool:
        if self._logged.is_set():
            return False
        try:
            await asyncio.wait_for(self._grown.wait(), timeout_s)
        except asyncio.TimeoutError:
            return True
        self._grown.clear()
        return True

    def _on_wake(self, journal: Journal) -> None:
        try:
            self._wake_reader.recv(4096)
        except BlockingIOError:
            return
        journal.wake()

    def _begin_finish(self, exit_code: int) -> None:
        if self._poller is not None:
            self._poller.publish()
            self._poller.close()
        if self._uploader is not None:
            self._uploader.hurry()
        self._ending = True
        self._queue.put(Finish(exit_code))

    def _stop(self) -> None:
        self._stopped.set()


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
