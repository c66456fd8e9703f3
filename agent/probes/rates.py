"""Turns counters that only grow into rates."""

from __future__ import annotations

import time
from collections.abc import Callable


def make_rate_probe(read: Callable[[], dict[str, float] | None]) -> Callable[[], dict[str, float]]:
    """Return a sampler of the growth per second of the counters that ``read`` gives (None: not there)."""
    before_s, before = time.monotonic(), read()

    def sample() -> dict[str, float]:
        nonlocal before_s, before
        now_s, now = time.monotonic(), read()
        elapsed, old = now_s - before_s, before
        before_s, before = now_s, now
        if old is None or now is None or elapsed <= 0:
            return {}
        # A counter that was set back (a device came back) shows as nothing, not as a negative rate.
        return {name: max(0.0, (now[name] - old[name]) / elapsed) for name in now if name in old}

    return sample
