"""
What the user's threads put on the queue.

A row travels as a bare tuple ``(monotonic_ns, row, step, commit)`` because building one costs a tenth of a
dataclass; everything rarer is one of the classes below.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

RowCall: TypeAlias = "tuple[int, dict[str, Any], int | None, bool | None]"


@dataclass
class Change:
    """Keys set and deleted, in the config or in the summary."""

    target: str
    set: dict[str, Any] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)


@dataclass
class Define:
    """A definition of a metric or glob: what its summary shows."""

    name: str
    ops: list[str]
    overwrite: bool = False


@dataclass
class Sample:
    """One averaged sample of system statistics."""

    values: dict[str, float]


@dataclass
class Question:
    """Asks the agent for something that is true once every earlier call was applied."""

    answer: Callable[[], Any]
    result: Any = None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass
class Finish:
    """The last call of a run."""

    exit_code: int


Call: TypeAlias = "RowCall | Change | Define | Sample | Question | Finish"
