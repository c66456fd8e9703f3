"""
The checksummed unit of the write-ahead log and of the wire: segment header and frame.

All numbers are little-endian. A segment is a header and any number of frames::

    header, 64 bytes: magic "TRIALOG1" | major u16 | minor u16 | header length u16 | zero u16 | salt u32
                      | run hash u64 | writer u64 | segment u32 | first seq u64 | created wall ns u64
                      | zero u32 | crc32 of the 60 bytes before
    frame, 24 bytes + payload: magic "TLF1" | payload length u32 | first seq u64 | type u8 | flags u8
                      | record count u16 | crc32 u32

A frame's crc32 starts from the segment's salt and covers the first 20 bytes of the frame's header and the
payload. The salt keeps a frame that is quoted inside a payload from ever passing as a real one.
"""

from __future__ import annotations

import contextlib
import enum
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from trialog._errors import CorruptLogError
from trialog._version import FORMAT_MAJOR, FORMAT_MINOR

SEGMENT_MAGIC = b"TRIALOG1"
FRAME_MAGIC = b"TLF1"
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024

_HEADER = struct.Struct("<8sHHHHIQQIQQI")
_FRAME = struct.Struct("<4sIQBBH")
_CRC = struct.Struct("<I")

HEADER_BYTES = _HEADER.size + _CRC.size
FRAME_HEADER_BYTES = _FRAME.size + _CRC.size


class FrameType(enum.IntEnum):
    """What a frame holds. A reader may skip unknown types from 128 up, and must report those below."""

    DATA = 1
    CONTROL = 2
    LOSS = 4
    SEAL = 5
    FINISH = 6


@dataclass(frozen=True)
class SegmentHeader:
    """
    Who wrote a segment, and from which record on.

    ``writer`` is the random 64-bit number of one process attached to the run, ``salt`` the seed of this
    segment's checksums, ``first_seq`` the number of its first record.
    """

    salt: int
    run_hash: int
    writer: int
    segment: int
    first_seq: int
    created_wall_ns: int

    def pack(self) -> bytes:
        """Return the header's 64 bytes."""
        body = _HEADER.pack(
            SEGMENT_MAGIC,
            FORMAT_MAJOR,
            FORMAT_MINOR,
            HEADER_BYTES,
            0,
            self.salt,
            self.run_hash,
            self.writer,
            self.segment,
            self.first_seq,
            self.created_wall_ns,
            0,
        )
        return body + _CRC.pack(zlib.crc32(body))

    @classmethod
    def unpack(cls, data: bytes) -> SegmentHeader:
        """
        Read a header from the first 64 bytes of a segment.

        Raises:
            CorruptLogError: too short, foreign, damaged, or of a newer major format.
        """
        if len(data) < HEADER_BYTES:
            raise CorruptLogError(f"a segment header has {HEADER_BYTES} bytes, here are {len(data)}")
        magic, major, _, _, _, salt, run_hash, writer, segment, first_seq, wall, _ = _HEADER.unpack_from(data)
        if magic != SEGMENT_MAGIC:
            raise CorruptLogError("this file is no trialog write-ahead log (its first bytes differ)")
        if _CRC.unpack_from(data, _HEADER.size)[0] != zlib.crc32(data[: _HEADER.size]):
            raise CorruptLogError("the segment header is damaged: its checksum does not fit")
        if major > FORMAT_MAJOR:
            raise CorruptLogError(
                f"this log has format {major}, this trialog reads up to {FORMAT_MAJOR}; "
                "the file was left as it is: read it with a newer trialog"
            )
        return cls(salt, run_hash, writer, segment, first_seq, wall)


def recover_header(data: bytes) -> SegmentHeader | None:
    """
    Read a header in which one bit is wrong, or return None.

    Without its salt no frame of a segment could be read. The checksum tells every single wrong bit apart, so the
    header with that bit turned back is the one that was written.
    """
    for bit in range(8 * HEADER_BYTES if len(data) >= HEADER_BYTES else 0):
        mended = bytearray(data[:HEADER_BYTES])
        mended[bit // 8] ^= 1 << bit % 8
        if _CRC.unpack_from(mended, _HEADER.size)[0] == zlib.crc32(mended[: _HEADER.size]):
            with contextlib.suppress(CorruptLogError):
                return SegmentHeader.unpack(bytes(mended))
    return None


@dataclass(frozen=True)
class Frame:
    """One frame: ``count`` records numbered from ``first_seq``, as one msgpack payload."""

    type: int
    first_seq: int
    count: int
    payload: bytes

    @property
    def last_seq(self) -> int:
        """Number of the frame's last record (``first_seq - 1`` when it holds none)."""
        return self.first_seq + self.count - 1


def run_hash(run_id: str) -> int:
    """Return the 64-bit number that marks the segments of ``run_id`` (blake2b, first eight bytes)."""
    return int.from_bytes(blake2b(run_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def pack_frame(salt: int, frame_type: int, first_seq: int, count: int, payload: bytes) -> bytes:
    """Return a whole frame, header and payload, checksummed with the segment's ``salt``."""
    head = _FRAME.pack(FRAME_MAGIC, len(payload), first_seq, frame_type, 0, count)
    return b"".join((head, _CRC.pack(zlib.crc32(payload, zlib.crc32(head, salt))), payload))


def unpack_frame(data: bytes | memoryview, offset: int, salt: int) -> tuple[Frame, int] | None:
    """
    Read the frame at ``offset``.

    Returns the frame and the offset behind it, or None when the bytes there are not a whole, undamaged
    frame of the segment with this ``salt``.
    """
    start = offset + FRAME_HEADER_BYTES
    if start > len(data):
        return None
    magic, length, first_seq, frame_type, _, count = _FRAME.unpack_from(data, offset)
    end = start + length
    if magic != FRAME_MAGIC or length > MAX_PAYLOAD_BYTES or end > len(data):
        return None
    payload = bytes(data[start:end])
    crc = zlib.crc32(payload, zlib.crc32(data[offset : offset + _FRAME.size], salt))
    if crc != _CRC.unpack_from(data, offset + _FRAME.size)[0]:
        return None
    return Frame(frame_type, first_seq, count, payload), end


def iter_frames(data: bytes | memoryview, salt: int) -> Iterator[Frame]:
    """
    Yield the frames of a request body, which must be frames from end to end.

    Raises:
        CorruptLogError: a byte of it does not belong to an undamaged frame.
    """
    offset = 0
    while offset < len(data):
        found = unpack_frame(data, offset, salt)
        if found is None:
            raise CorruptLogError(f"damaged or foreign bytes at offset {offset}")
        frame, offset = found
        yield frame
