"""
What each answer of the server means for the upload; the one place where statuses are sorted. Pure.

An answer that is no well-formed acknowledgement never moves anything: the cursor is asked again.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A reply of the server: status, decoded JSON object ({} if there was none), Retry-After in seconds."""

    status: int
    body: dict[str, Any]
    retry_after_s: float | None = None

    @property
    def message(self) -> str:
        """What the server said about an error, for people."""
        error = self.body.get("error")
        return str(error.get("message", "")) if isinstance(error, dict) else ""


class Meaning(enum.Enum):
    """What to do next."""

    ACK = "advance to the acknowledged record"
    RETRY = "wait, then try again"
    REWIND = "ask the cursor, then go on from there"
    PAUSE = "the key or the set-up is wrong: keep everything, look again every minute"
    GONE = "the run was deleted on the server: stop, keep the log"
    UNKNOWN = "not an answer of this protocol: ask the cursor, change nothing"


_RETRY = {408, 425, 429, 500, 502, 503, 504, *range(520, 530)}


def meaning_of(answer: Answer, sent_last: int, acked: int) -> Meaning:
    """Sort an answer to an upload of records up to ``sent_last`` when ``acked`` were acknowledged before."""
    if answer.status == 200:
        ack = answer.body.get("ack")
        good = type(ack) is int and acked < ack <= sent_last and isinstance(answer.body.get("instance"), str)
        return Meaning.ACK if good else Meaning.UNKNOWN
    if answer.status in _RETRY:
        return Meaning.RETRY
    if answer.status in (404, 409):
        return Meaning.REWIND
    if answer.status == 410:
        return Meaning.GONE
    return Meaning.PAUSE
