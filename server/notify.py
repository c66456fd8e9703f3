"""
Live updates: who watches a project, and what has been committed since they last looked.

Everything here runs on the loop. Publishing only appends; it never waits for a reader, and a reader that does
not keep up is told to fetch a run anew instead of being sent its points.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from trialog.server.columns import Block

#: More points than this of one run between two ticks are not sent one by one.
MAX_POINTS = 2000


@dataclass
class Pending:
    """What one watcher has not been sent: blocks by run id, None for a run that it must fetch anew."""

    blocks: dict[str, list[Block] | None] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, run: str, blocks: list[Block]) -> None:
        """Keep points for the next tick, or note that they are too many."""
        kept = self.blocks.setdefault(run, [])
        if kept is None or not blocks:
            return
        self.points[run] += sum(len(rows) for block in blocks for rows, _ in block.cells.values())
        if self.points[run] > MAX_POINTS:
            self.blocks[run] = None
        else:
            kept.extend(blocks)


class Watcher:
    """One open page of a project."""

    def __init__(self) -> None:
        self._pending = Pending()
        self._woken = asyncio.Event()
        self._closed = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether the reader should end."""
        return self._closed.is_set()

    def publish(self, run: str | None, blocks: list[Block]) -> None:
        """Note a change: of a run, or (None) only that something in the project is different."""
        if run is not None:
            self._pending.add(run, blocks)
        self._woken.set()

    def close(self) -> None:
        """Tell the reader to end."""
        self._closed.set()
        self._woken.set()

    async def wait(self, timeout_s: float) -> bool:
        """Wait until something changed since the last time this was true; False when nothing did."""
        changed = await _set_within(self._woken, timeout_s)
        self._woken.clear()
        return changed

    async def rest(self, pause_s: float) -> None:
        """Let changes gather; ends early when the reader should end."""
        await _set_within(self._closed, pause_s)

    def take(self) -> Pending:
        """Return what has come in, and start anew."""
        pending, self._pending = self._pending, Pending()
        return pending


class Hub:
    """All watchers, by project."""

    def __init__(self) -> None:
        self._watchers: dict[int, set[Watcher]] = defaultdict(set)
        self._closed = False

    def watch(self, project_id: int) -> Watcher:
        """Begin to watch a project."""
        watcher = Watcher()
        if self._closed:
            watcher.close()
        self._watchers[project_id].add(watcher)
        return watcher

    def leave(self, project_id: int, watcher: Watcher) -> None:
        """End watching."""
        watchers = self._watchers[project_id]
        watchers.discard(watcher)
        if not watchers:
            del self._watchers[project_id]

    def publish(self, project_id: int, run: str | None = None, blocks: list[Block] | None = None) -> None:
        """Tell the watchers of a project what was committed."""
        for watcher in self._watchers.get(project_id, ()):
            watcher.publish(run, blocks or [])

    def close(self) -> None:
        """End all watching, now and later: the server is leaving."""
        self._closed = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.close()


async def _set_within(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except asyncio.TimeoutError:
        return False
    return True
