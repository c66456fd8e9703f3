"""
The states of an agent and the values that cross its border.

===========  ===================================  ==============================
state        meaning                              may become
===========  ===================================  ==============================
NEW          made, no thread                      RUNNING, FAILED
RUNNING      takes calls                          DRAINING, FAILED
DRAINING     finish() was called; writes, sends   CLOSED, FAILED
CLOSED       everything it could do is done       -
FAILED       the log cannot be written            -
===========  ===================================  ==============================
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path


class State(enum.Enum):
    """Life cycle of an agent."""

    NEW = "new"
    RUNNING = "running"
    DRAINING = "draining"
    CLOSED = "closed"
    FAILED = "failed"


MOVES = {
    State.NEW: {State.RUNNING, State.FAILED},
    State.RUNNING: {State.DRAINING, State.FAILED},
    State.DRAINING: {State.CLOSED, State.FAILED},
    State.CLOSED: set(),
    State.FAILED: set(),
}


@dataclass(frozen=True)
class RunSpec:
    """
    Who a run is: what its RUN record says, where its directory lies, and where it uploads to.

    ``base_url`` is None for an offline run; ``writer`` is the random 64-bit number of this process.
    """

    run_id: str
    project: str
    entity: str | None
    name: str
    group: str | None
    job_type: str | None
    tags: tuple[str, ...]
    notes: str | None
    directory: Path
    writer: int
    base_url: str | None
    api_key: str | None


@dataclass(frozen=True)
class FinishReport:
    """
    How a run ended.

    ``records`` are in the log, ``rows`` of them rows; ``unsent`` records are not yet on the server (0 for an
    offline run) because of ``problem``; ``unwritten`` calls did not reach the disk in time.
    """

    records: int
    rows: int
    unsent: int
    unwritten: int
    problem: str | None
