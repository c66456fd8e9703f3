"""
Reads frames out of segment bytes. Readers never modify anything.

Bytes that are no frame are skipped up to the next magic that starts a whole, undamaged frame whose record
numbers go on. Such bytes at the end of a segment are a torn tail (normal: the process died, or is writing
at this moment); followed by a good frame they are damage, and reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from trialog._errors import CorruptLogError
from trialog._frames import FRAME_MAGIC, HEADER_BYTES, Frame, FrameType, SegmentHeader, recover_header, unpack_frame
from trialog.agent.wal.segments import list_segments


@dataclass(frozen=True)
class Found:
    """A frame, the offsets of its first byte and of the byte behind it, and how many bad bytes came before."""

    frame: Frame
    start: int
    end: int
    skipped: int


def scan(data: bytes | memoryview, offset: int, salt: int, next_seq: int) -> Iterator[Found]:
    """Yield the frames of ``data`` from ``offset`` on whose records are numbered from ``next_seq`` upwards."""
    view = bytes(data)
    position = good_end = offset
    while True:
        found = unpack_frame(view, position, salt)
        if found is not None and found[0].first_seq >= next_seq:
            frame, end = found
            yield Found(frame, position, end, position - good_end)
            next_seq = frame.last_seq + 1
            position = good_end = end
            continue
        position = view.find(FRAME_MAGIC, position + 1)
        if position < 0:
            return


@dataclass
class Log:
    """Everything one writer wrote, as far as it can be read."""

    writer: int
    frames: list[Frame] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    last_seq: int = 0


def read_logs(directory: Path) -> list[Log]:
    """Return the logs of all writers of a run directory, in the order in which they attached."""
    logs = []
    for writer, paths in list_segments(directory).items():
        log = Log(writer)
        created = 0
        for path in paths:
            header = _read_segment(path, log)
            if header is not None and not created:
                created = header.created_wall_ns
        logs.append((created, log))
    return [log for _, log in sorted(logs, key=lambda pair: (pair[0], pair[1].writer))]


def _read_segment(path: Path, log: Log) -> SegmentHeader | None:
    data = path.read_bytes()
    try:
        header = SegmentHeader.unpack(data)
    except CorruptLogError as error:
        if len(data) >= HEADER_BYTES:
            log.damage.append(f"{path.name}: {error}")
        recovered = recover_header(data)
        if recovered is None:
            return None
        header = recovered
    if header.writer != log.writer:
        log.damage.append(f"{path.name}: holds records of another writer ({header.writer:016x}); left out")
        return None
    for found in scan(data, HEADER_BYTES, header.salt, log.last_seq + 1):
        if found.skipped:
            log.damage.append(f"{path.name}: {found.skipped} damaged bytes before offset {found.start}")
        if found.frame.first_seq > log.last_seq + 1:
            log.damage.append(f"{path.name}: records {log.last_seq + 1} to {found.frame.first_seq - 1} are missing")
        log.last_seq = found.frame.last_seq
        if found.frame.type != FrameType.SEAL:
            log.frames.append(found.frame)
    return header
