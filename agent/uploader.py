"""
Sends a writer's log to the server, reading it back from disk, until everything is acknowledged.

Online, offline, resume and ``trialog sync`` are this one task; they differ in who says that no more will
come. States::

    ASKING -> SENDING <-> WAITING for more of the log -> DONE
       ^         |
       +-- backoff, after anything that is no acknowledgement

The server's cursor is the only truth about what it has: it is asked first, and again after every failure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from trialog._errors import CommError
from trialog.agent.answers import Answer, Meaning, meaning_of
from trialog.agent.backoff import Backoff
from trialog.agent.diagnostics import Diagnostics
from trialog.agent.wal.follower import Batch, LogFollower

if TYPE_CHECKING:
    # At run time it would load aiohttp, which an offline run never needs.
    from trialog.agent.transport import Transport

MAX_BATCH_BYTES = 1024 * 1024
FIRST_BATCH_BYTES = 64 * 1024
INTERVAL_S = 0.4
HEARTBEAT_S = 20.0
PAUSE_S = 60.0
HURRIED_RETRY_S = 1.0

#: Waits until the log may have grown, at most the given seconds; False says that it will not grow again.
MoreToCome = Callable[[float], Awaitable[bool]]


class Uploader:
    """
    The upload task of one writer.

    ``acked`` is the last record the server has committed, ``sent`` how many went out now, ``problem`` what
    keeps the upload from going on right now (None: nothing). ``patience`` is the number of failures in a
    row after which it gives up (None: never; what needs a person to mend it is then looked at again every
    minute). ``alive`` says whether the run's process is there: only then is the server told so in silent times.
    """

    def __init__(
        self,
        follower: LogFollower,
        transport: Transport,
        more: MoreToCome,
        diagnostics: Diagnostics,
        patience: int | None = None,
        alive: Callable[[], bool] = lambda: True,
    ) -> None:
        self.acked = 0
        self.sent = 0
        self.problem: str | None = None
        self.failures = 0
        self._follower = follower
        self._transport = transport
        self._more = more
        self._diagnostics = diagnostics
        self._patience = patience
        self._alive = alive
        self._backoff = Backoff()
        self._hurry = asyncio.Event()
        self._hurrying = False
        self._refused = False
        self._held: Batch | None = None
        self._batch_bytes = FIRST_BATCH_BYTES
        self._interval_s = INTERVAL_S
        self._contact_s = time.monotonic()

    def hurry(self) -> None:
        """Send what there is without gathering more, and end the present backoff; on the loop."""
        self._interval_s = 0.0
        self._hurrying = True
        self._hurry.set()

    async def run(self) -> None:
        """Upload until all is acknowledged and no more will come, or the server says that it is no use."""
        if not await self._find_cursor():
            return
        ended = False
        while True:
            try:
                batch = self._held or await self._follower.next_batch(self.acked, self._batch_bytes)
            except OSError as error:
                await self._wait_for_the_disk(error)
                continue
            if batch is not None:
                if not await self._deliver(batch):
                    return
                continue
            if ended:
                return
            ended = not await self._more(self._until_heartbeat())
            if not ended and self._until_heartbeat() <= 0.0:
                await self._beat()

    async def _wait_for_the_disk(self, error: OSError) -> None:
        """Try to read the log again later (no file descriptors left, a network disk away); sync reports it instead."""
        if self._patience is not None:
            raise error
        self.problem = f"the log cannot be read: {error}"
        self.failures += 1
        self._diagnostics.note(f"upload waits: {self.problem}")
        await self._sleep(self._retry_delay_s(None))

    def _until_heartbeat(self) -> float:
        return max(0.0, self._contact_s + HEARTBEAT_S - time.monotonic())

    async def _deliver(self, batch: Batch) -> bool:
        self._held = batch
        answer = await self._asked(self._transport.send(batch))
        if answer is not None and meaning_of(answer, batch.last, self.acked) is Meaning.ACK:
            self._acknowledge(answer.body["ack"])
            if len(batch.body) >= self._batch_bytes // 2:
                self._batch_bytes = min(MAX_BATCH_BYTES, self._batch_bytes * 2)
            else:
                await self._sleep(self._interval_s)
            return True
        return await self._recover(answer, batch.last)

    async def _beat(self) -> None:
        self._contact_s = time.monotonic()
        if not self._alive():
            return
        answer = await self._asked(self._transport.heartbeat(self.acked))
        if answer is not None and answer.status == 200:
            self._reached()

    async def _find_cursor(self) -> bool:
        """Ask the server where to go on, until it answers; False when the run is gone there."""
        while True:
            answer = await self._asked(self._transport.ask_cursor())
            cursor = answer.body.get("cursor") if answer is not None and answer.status == 200 else None
            if isinstance(cursor, int) and cursor >= 0:
                progress = cursor > self.acked
                self._move_to(cursor)
                self._contact_s = time.monotonic()
                # A server that tells its cursor but takes no records is still in trouble.
                if progress or not self._refused:
                    self._reached()
                return True
            if answer is not None and meaning_of(answer, 0, 0) is Meaning.GONE:
                return self._give_up(answer)
            if not await self._wait_after(answer):
                return False

    def _move_to(self, cursor: int) -> None:
        """Go on behind ``cursor``, keeping the held batch when it is still the next one."""
        held = self._held
        if held is not None and not held.first - 1 <= cursor < held.last:
            self._held = None
            if cursor < held.first - 1:
                self._follower.rewind()
        elif held is None and cursor < self.acked:
            self._follower.rewind()
        self.acked = cursor

    def _acknowledge(self, ack: int) -> None:
        if self._held is not None and ack < self._held.last:
            self._follower.rewind()
        self._held = None
        self.sent += ack - self.acked
        self.acked = ack
        self._reached()

    async def _recover(self, answer: Answer | None, sent_last: int) -> bool:
        meaning = meaning_of(answer, sent_last, self.acked) if answer is not None else Meaning.RETRY
        if answer is not None and meaning is Meaning.GONE:
            return self._give_up(answer)
        self._batch_bytes = FIRST_BATCH_BYTES
        self._refused = True
        return await self._wait_after(answer) and await self._find_cursor()

    async def _asked(self, request: Awaitable[Answer]) -> Answer | None:
        try:
            return await request
        except CommError as error:
            self.problem = str(error)
            return None

    async def _wait_after(self, answer: Answer | None) -> bool:
        """Say once what is wrong, then wait; False when the patience is at its end."""
        self.failures += 1
        pause = answer is not None and meaning_of(answer, 0, 0) is Meaning.PAUSE
        if answer is not None:
            self.problem = f"the server answered {answer.status} {answer.message}".rstrip()
        self._diagnostics.note(f"upload waits: {self.problem}")
        if self._patience is not None and (pause or self.failures >= self._patience):
            return False
        kept = "everything is kept on disk"
        if pause:
            text = f"upload paused: {self.problem}; {kept}, looking again every minute"
        else:
            text = f"server unreachable ({self.problem}); {kept} and sent when it is back"
        self._diagnostics.say_once("upload", text)
        delay = self._retry_delay_s(answer.retry_after_s if answer is not None else None)
        await self._sleep(PAUSE_S if pause and not self._hurrying else delay)
        return True

    def _retry_delay_s(self, asked_s: float | None) -> float:
        """Return the next delay; a run that is being finished has no time for what a server asks for."""
        delay = self._backoff.next_delay_s(asked_s)
        return min(delay, HURRIED_RETRY_S) if self._hurrying and self._patience is None else delay

    async def _sleep(self, seconds: float) -> None:
        if seconds <= 0.0:
            return
        try:
            await asyncio.wait_for(self._hurry.wait(), seconds)
        except asyncio.TimeoutError:
            return
        self._hurry.clear()

    def _reached(self) -> None:
        self._contact_s = time.monotonic()
        self._backoff.succeeded()
        self.problem = None
        self.failures = 0
        self._refused = False
        if self._diagnostics.clear("upload"):
            self._diagnostics.say("server reachable again; uploading what was kept")

    def _give_up(self, answer: Answer) -> bool:
        self.problem = answer.message or "the run was deleted on the server"
        self._diagnostics.say_once("gone", f"upload stopped: {self.problem}; the run's files are kept on disk")
        return False
