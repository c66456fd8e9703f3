"""
Drains the queue into the write-ahead log; everything a run is made of passes here, in order.

One drain becomes a few frames and one write. While rows come the queue is looked at every few milliseconds;
when none came for a while it is armed, and the next row wakes the loop: an idle run costs nothing, a busy
one is never woken per row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from trialog._frames import FrameType
from trialog._records import Kind, make_packer, pack_anchor
from trialog._values import mend
from trialog.agent.calls import Call, Change, Define, Finish, Question, RowCall, Sample
from trialog.agent.clock import RunClock
from trialog.agent.counters import Counters
from trialog.agent.diagnostics import Diagnostics
from trialog.agent.history import StepRules
from trialog.agent.queue import CallQueue
from trialog.agent.summary import SummaryFold
from trialog.agent.wal.grouping import FrameGroups
from trialog.agent.wal.writer import SegmentWriter

DRAIN_INTERVAL_S = 0.008
BUSY_ROUNDS = 12
MAX_CALLS = 512
IDLE_S = 1.0
DISK_RETRY_S = 0.5
MAX_RECORD_BYTES = 2 * 1024 * 1024
_HISTORY = int(Kind.HISTORY)


class Journal:
    """The drain task of one run. All state belongs to the agent thread."""

    def __init__(
        self,
        queue: CallQueue[Call],
        writer: SegmentWriter,
        clock: RunClock,
        diagnostics: Diagnostics,
        on_written: Callable[[], None],
    ) -> None:
        self.rules = StepRules()
        self.summary = SummaryFold()
        self.config: dict[str, Any] = {}
        self.counters = Counters()
        self.exit_code: int | None = None
        self._queue = queue
        self._writer = writer
        self._clock = clock
        self._diagnostics = diagnostics
        self._on_written = on_written
        self._woken = asyncio.Event()
        self._pack = make_packer()
        self._groups = FrameGroups()
        self._unapplied = 0
        self._unflushed = 0

    @property
    def unwritten(self) -> int:
        """How many calls were taken from the queue and are not in the log yet; while the disk refuses, they wait."""
        return self._unapplied + self._unflushed

    def wake(self) -> None:
        """End the wait for calls; on the loop."""
        self._woken.set()

    async def attach(self, body: dict[str, Any]) -> None:
        """Write the RUN record, the first of every log: it says whose records these are."""
        self._add(FrameType.CONTROL, Kind.RUN, body)
        await self._flush()

    async def run(self) -> None:
        """Write what the queue holds until a Finish call is in the log; then seal it."""
        quiet = 0
        while self.exit_code is None:
            calls = self._queue.drain(MAX_CALLS)
            quiet = 0 if calls else quiet + 1
            self._unapplied = len(calls)
            for call in calls:
                await self._apply_guarded(call)
                self._unapplied -= 1
            await self._flush()
            self._start_sync_if_due()
            if len(calls) < MAX_CALLS and self.exit_code is None:
                await self._wait(armed=quiet > BUSY_ROUNDS)
        await self._close()

    async def _wait(self, armed: bool) -> None:
        if not armed:
            await asyncio.sleep(DRAIN_INTERVAL_S)
            return
        self._woken.clear()
        if self._queue.arm():
            # The time-out lets the last rows before a silence be synced to the device.
            try:
                await asyncio.wait_for(self._woken.wait(), IDLE_S)
            except asyncio.TimeoutError:
                return

    async def _apply_guarded(self, call: Call) -> None:
        """Apply a call; one that cannot be applied is counted as lost and said, and all others go on."""
        try:
            await self._apply(call)
        except Exception as error:  # noqa: BLE001 - whatever a user's value did, the run must not end with it
            self.counters.lose("not understood")
            self._diagnostics.say_once("lost", f"a call could not be logged and is lost: {error!r}")
        finally:
            if isinstance(call, Question):
                call.done.set()

    async def _apply(self, call: Call) -> None:
        if isinstance(call, tuple):
            self._add_row(call)
        elif isinstance(call, Change):
            self._change(call)
        elif isinstance(call, Define):
            self.summary.define(call.name, call.ops, call.overwrite)
            body = {"name": call.name, "summary": call.ops, "overwrite": call.overwrite}
            self._add(FrameType.CONTROL, Kind.METRIC, body)
        elif isinstance(call, Sample):
            self._add(FrameType.DATA, Kind.STATS, call.values)
        elif isinstance(call, Question):
            await self._flush()
            call.result = call.answer()
        elif isinstance(call, Finish):
            state = "finished" if call.exit_code == 0 else "failed"
            self._add(FrameType.FINISH, Kind.FINISH, {"state": state, "exit_code": call.exit_code})
            self.exit_code = call.exit_code

    def _add_row(self, call: RowCall) -> None:
        mono_ns, row, step, commit = call
        at = self.rules.place(step, commit)
        if not row and step is not None:
            return
        mono_us = self._clock.to_us(mono_ns)
        try:
            packed = self._pack([_HISTORY, mono_us, at, row])
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            row = self._mended(row, error)
            packed = self._pack([_HISTORY, mono_us, at, row])
        if len(packed) <= MAX_RECORD_BYTES:
            self._groups.add(FrameType.DATA, packed, 1)
        else:
            parts = self._fitting(row)
            row = {key: value for part in parts for key, value in part.items()}
            for part in parts:
                packed = self._pack([_HISTORY, mono_us, at, part])
                self._groups.add(FrameType.DATA, packed, int(part is parts[-1]))
        self.summary.add_row(at, row, self._clock.wall_s(mono_us), mono_us / 1e6)

    def _change(self, call: Change) -> None:
        parts = self._fitting(call.set)
        values = {key: value for part in parts for key, value in part.items()}
        if call.target == "config":
            self.config.update(values)
            for key in call.delete:
                self.config.pop(key, None)
            kind = Kind.CONFIG
        else:
            self.summary.set(values)
            self.summary.delete(call.delete)
            kind = Kind.SUMMARY
        for part in parts:
            self._add(FrameType.CONTROL, kind, {"set": part, "delete": call.delete})

    def _add(self, frame_type: FrameType, kind: Kind, body: dict[str, Any]) -> None:
        mono_us = self._clock.now_us()
        try:
            packed = self._pack([int(kind), mono_us, body])
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            packed = self._pack([int(kind), mono_us, self._mended(body, error)])
        self._groups.add(frame_type, packed)

    def _fitting(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        """Split values so that each part fits a record; a single one that does not is replaced by a note."""
        try:
            size = len(self._pack(values))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            values = self._mended(values, error)
            size = len(self._pack(values))
        if size <= MAX_RECORD_BYTES:
            return [values]
        if len(values) > 1:
            items = list(values.items())
            half = len(items) // 2
            return self._fitting(dict(items[:half])) + self._fitting(dict(items[half:]))
        name = next(iter(values))[:200]
        self.counters.mended += 1
        self._diagnostics.say_once(
            "large", f"{name} has {size:,} bytes and at most {MAX_RECORD_BYTES:,} can be logged; a note is kept instead"
        )
        return [{name: f"a value of {size:,} bytes, too large to log"}]

    def _mended(self, row: dict[str, Any], error: Exception) -> dict[str, Any]:
        mended, names = mend(row)
        self.counters.mended += len(names)
        shown = ", ".join(names[:3])
        self._diagnostics.say_once(
            "mended", f"some values cannot be stored as they are ({error}); kept as text: {shown}"
        )
        return mended

    async def _flush(self) -> None:
        groups = self._groups.take()
        if not groups:
            return
        self._clock.read_wall()
        anchor = pack_anchor(self._pack, self._clock.now_us())
        self._unflushed = sum(len(group.records) for group in groups)
        for group in groups:
            await self._append(group.type, len(group.records), anchor + b"".join(group.records))
            self._unflushed -= len(group.records)
            self.counters.records += len(group.records)
            self.counters.rows += group.rows
        self._on_written()

    async def _append(self, frame_type: FrameType, count: int, payload: bytes) -> None:
        """Write a frame; while the disk refuses, keep it and try again (finish() has its own deadline)."""
        while True:
            try:
                await self._writer.append(frame_type, count, payload)
            except OSError as error:
                self._diagnostics.say_once(
                    "disk", f"the log cannot be written ({error}); rows are kept in memory until it can"
                )
                await asyncio.sleep(DISK_RETRY_S)
            else:
                if self._diagnostics.clear("disk"):
                    self._diagnostics.say("the log can be written again; nothing was lost")
                return

    def _start_sync_if_due(self) -> None:
        self._writer.start_sync_if_due()
        if self._writer.sync_error is not None:
            self._diagnostics.say_once("sync", f"the disk refused to sync the log: {self._writer.sync_error}")

    async def _close(self) -> None:
        try:
            await self._writer.close()
        except OSError as error:
            self._diagnostics.note(f"the last segment could not be sealed: {error}")
