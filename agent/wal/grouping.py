"""Groups packed records into frames: neighbours of one type, up to a count and a size."""

from __future__ import annotations

from trialog._frames import FrameType

MAX_FRAME_RECORDS = 256
MAX_FRAME_BYTES = 64 * 1024


class FrameGroups:
    """Records that wait to be framed, in order."""

    def __init__(self) -> None:
        self._groups: list[tuple[FrameType, list[bytes]]] = []
        self._bytes = 0

    def add(self, frame_type: FrameType, record: bytes) -> None:
        """Append a packed record, to the last group if that has its type and room."""
        last = self._groups[-1] if self._groups else None
        full = self._bytes + len(record) > MAX_FRAME_BYTES
        if last is None or last[0] is not frame_type or full or len(last[1]) == MAX_FRAME_RECORDS:
            self._groups.append((frame_type, [record]))
            self._bytes = len(record)
            return
        last[1].append(record)
        self._bytes += len(record)

    def take(self) -> list[tuple[FrameType, list[bytes]]]:
        """Return the groups and start over."""
        groups, self._groups, self._bytes = self._groups, [], 0
        return groups
