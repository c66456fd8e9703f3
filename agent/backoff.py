"""
How long to wait before trying again. Pure.

Full jitter: a uniform draw between a floor and a bound that doubles with every failure, so that many clients
that lost one server do not come back at one moment.
"""

from __future__ import annotations

import random
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

FIRST_S = 0.5
CAP_S = 30.0
FLOOR_S = 0.05
RETRY_AFTER_CAP_S = 300.0


class Backoff:
    """Counts failures in a row and draws delays; uses its own generator, never the user's seed."""

    def __init__(self) -> None:
        self.failures = 0
        self._random = random.Random()

    def succeeded(self) -> None:
        """Start over."""
        self.failures = 0

    def next_delay_s(self, retry_after_s: float | None = None) -> float:
        """Return the seconds to wait after one more failure, no fewer than the server asked for."""
        bound = min(CAP_S, FIRST_S * 2.0 ** min(self.failures, 16))
        self.failures += 1
        own = max(FLOOR_S, self._random.uniform(0.0, bound))
        if retry_after_s is None:
            return own
        # "0" and a date that has passed are no leave to hammer.
        return max(own, min(retry_after_s, RETRY_AFTER_CAP_S) * self._random.uniform(1.0, 1.1))


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (seconds or a date), or None for nonsense."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except (TypeError, ValueError, OverflowError):
            return None
        seconds = (when - datetime.now(timezone.utc if when.tzinfo else None)).total_seconds()
    return max(0.0, seconds) if seconds == seconds else None
