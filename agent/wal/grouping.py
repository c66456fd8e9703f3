"""Groups packed records into frames: neighbours of one type, up to a count and a size."""

from __future__ import annotations

from dataclasses import dataclass

from trialog._frames import FrameType

MAX_FRAME_RECORDS = 256
MAX_FRAME_BYTES = 64 * 1024


@dataclass
class Group:
    """The packed records of one frame to be; ``rows`` rows end among them."""

    type: FrameType
    records: list[bytes]
    rows: int


class FrameGroups:
    """Records that wait to be framed, in order."""

    def __init__(self) -> None:
        self._groups: list[Group] = []
        self._bytes = 0

    def add(self, frame_type: FrameType, record: bytes, rows: int = 0) -> None:
        """Append a packed record, to the last group if that has its type and room."""
        last = self._groups[-1] if self._groups else None
        full = self._bytes + len(record) > MAX_FRAME_BYTES
        if last is None or last.type is not frame_type or full or len(last.records) == MAX_FRAME_RECORDS:
            self._groups.append(Group(frame_type, [record], rows))
            self._bytes = len(record)
            return
        last.records.append(record)
        last.rows += rows
        self._bytes += len(record)

    def take(self) -> list[Group]:
        """Return the groups and start over."""
        groups, self._groups, self._bytes = self._groups, [], 0
        return groups
