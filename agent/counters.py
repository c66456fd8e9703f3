"""What happened to the calls of a run, as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Counters:
    """
    Counts since the run began in this process; written on the agent thread.

    ``rows`` and ``records`` are in the log on disk, ``mended`` counts values kept as their text because they
    could not be encoded, ``lost`` counts rows by the reason why they are not in the log.
    """

    rows: int = 0
    records: int = 0
    mended: int = 0
    lost: dict[str, int] = field(default_factory=dict)

    def lose(self, reason: str, count: int = 1) -> None:
        """Count rows that are gone."""
        self.lost[reason] = self.lost.get(reason, 0) + count
