"""The clock of one run: monotonic for every duration, wall time only as data."""

from __future__ import annotations

import time


class RunClock:
    """Counts microseconds since the writer attached."""

    def __init__(self) -> None:
        self.start_ns = time.monotonic_ns()
        self._wall_offset_us = 0
        self.read_wall()

    def read_wall(self) -> None:
        """Take the wall clock anew; it may have been set since."""
        self._wall_offset_us = time.time_ns() // 1000 - self.now_us()

    def to_us(self, monotonic_ns: int) -> int:
        """Return microseconds since the start for a reading of ``time.monotonic_ns``."""
        return (monotonic_ns - self.start_ns) // 1000

    def now_us(self) -> int:
        """Return microseconds since the start."""
        return (time.monotonic_ns() - self.start_ns) // 1000

    def wall_s(self, mono_us: int) -> float:
        """Return the Unix time of a moment of this clock."""
        return (self._wall_offset_us + mono_us) / 1e6
