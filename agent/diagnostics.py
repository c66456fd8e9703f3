"""
What the agent has to say: every event to the run's debug file, and what a person should know to the terminal.

Lines are written by one worker thread in order, so neither a stalled terminal nor a dead disk reaches the
event loop. A message for the terminal is said once per key until :meth:`Diagnostics.clear` forgets it, which
is how "unreachable" and "reachable again" are each said once per change and never per retry.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from concurrent.futures import wait
from pathlib import Path

from trialog.agent.files import open_private
from trialog.agent.threads import DaemonThreads

MAX_DEBUG_BYTES = 4 * 1024 * 1024
CLOSE_TIMEOUT_S = 0.5


class Diagnostics:
    """Any thread may call it; no call but :meth:`close` waits. Without a ``debug_file``, notes go nowhere."""

    def __init__(self, debug_file: Path | None, silent: bool) -> None:
        self._path = debug_file
        self._silent = silent
        self._said: set[str] = set()
        self._worker = DaemonThreads("trialog-diagnostics", 1)
        self._written = 0

    def note(self, text: str) -> None:
        """Write a line to the debug file only."""
        self._worker.submit(self._append, time.time(), threading.current_thread().name, text)

    def say_once(self, key: str, text: str) -> None:
        """Write a line to the debug file and, the first time for this key, to the terminal."""
        self.note(text)
        if key not in self._said:
            self._said.add(key)
            self.say(text)

    def clear(self, key: str) -> bool:
        """Forget that ``key`` was said; returns whether it had been."""
        said = key in self._said
        self._said.discard(key)
        return said

    def say(self, text: str) -> None:
        """Write a line to the terminal, unless silent."""
        if not self._silent:
            self._worker.submit(_print, f"trialog: {text}\n")

    def close(self) -> None:
        """Let the worker end behind the lines that are waiting, and give a moment to them: the script may end now."""
        last = self._worker.submit(lambda: None)
        self._worker.close()
        wait({last}, CLOSE_TIMEOUT_S)

    def _append(self, at: float, thread: str, text: str) -> None:
        if self._path is None or self._written > MAX_DEBUG_BYTES:
            return
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
        line = f"{stamp}.{int(at % 1 * 1000):03d} {thread}: {text}\n"
        # A debug file that cannot be written has nowhere left to say so; the run goes on.
        with (
            contextlib.suppress(OSError),
            open(self._path, "a", encoding="utf-8", errors="replace", opener=open_private) as file,
        ):
            self._written += file.write(line)


def _print(text: str) -> None:
    # A closed or replaced stderr is the host program's business.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()
