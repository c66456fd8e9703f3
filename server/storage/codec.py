"""
How columns become bytes: tails (one accepted request, all metrics) and chunks (one metric, many points).

Every blob starts with its format number. A tail is, zstd-compressed::

    header length u32 | msgpack header | steps | times | origins | per metric: rows? codes? words objects

    header: [number of rows, [[metric number, values, code or -1 for mixed, all rows?, object bytes], ...]]

The arrays are little-endian int64, rows u32, codes u8. The columns of a chunk are compressed one by one:
steps, times and origins as differences, all of them byte-shuffled (all first bytes of the numbers, then all
second bytes, ...), which is what makes floating-point noise compress.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Any

import msgpack
import numpy as np
import zstandard
from numpy.typing import NDArray

from trialog._errors import CorruptLogError
from trialog.server.columns import Block, Codes, Int64, Values

_FORMAT = b"\x01"
_LENGTH = struct.Struct("<I")
_LEVEL = 3


def encode_tail(block: Block) -> bytes:
    """Return the blob of a block whose cells are keyed by metric numbers."""
    header: list[Any] = []
    parts: list[bytes] = [block.steps.tobytes(), block.times.tobytes(), block.origins.tobytes()]
    for key, (rows, values) in block.cells.items():
        code = values.uniform
        packed = _pack_objects(values.objects)
        everywhere = len(rows) == len(block)
        header.append([key, len(rows), -1 if code is None else code, everywhere, len(packed)])
        if not everywhere:
            parts.append(rows.astype("<u4").tobytes())
        if code is None:
            parts.append(values.codes.tobytes())
        parts += [values.words.tobytes(), packed]
    head = msgpack.packb([len(block), header])
    return _compress(b"".join([_LENGTH.pack(len(head)), head, *parts]))


def decode_tail(blob: bytes, keys: Collection[int] | None = None) -> Block:
    """Return the block of a blob, with the cells of ``keys`` only (None: all)."""
    data = _Cursor(_decompress(blob))
    (length,) = _LENGTH.unpack(data.take(_LENGTH.size))
    rows_total, header = msgpack.unpackb(data.take(length))
    steps, times, origins = (data.array("<i8", rows_total) for _ in range(3))
    cells: dict[Any, tuple[NDArray[np.uint32], Values]] = {}
    for key, n, code, everywhere, object_bytes in header:
        rows = np.arange(n, dtype=np.uint32) if everywhere else data.array("<u4", n)
        codes = data.array("u1", n) if code < 0 else np.full(n, code, np.uint8)
        words = data.array("<i8", n)
        packed = data.take(object_bytes)
        if keys is None or key in keys:
            cells[key] = (rows, Values(words, codes, _unpack_objects(packed)))
    return Block(steps, times, origins, cells)


def encode_steady(numbers: Int64) -> bytes:
    """Return the blob of numbers that grow evenly, such as steps and times."""
    return _compress(_shuffle(np.diff(numbers, prepend=np.int64(0))))


def decode_steady(blob: bytes) -> Int64:
    """Undo :func:`encode_steady`; differences wrap around like they did when they were taken."""
    summed: Int64 = np.cumsum(_unshuffle(_decompress(blob)))
    return summed


def encode_values(values: Values) -> bytes:
    """Return the blob of a chunk's values."""
    code = values.uniform
    packed = _pack_objects(values.objects)
    codes = b"" if code is not None else values.codes.tobytes()
    head = struct.pack("<IbI", len(values), -1 if code is None else code, len(packed))
    return _compress(b"".join([head, codes, _shuffle(values.words), packed]))


def decode_values(blob: bytes) -> Values:
    """Undo :func:`encode_values`."""
    data = _Cursor(_decompress(blob))
    n, code, object_bytes = struct.unpack("<IbI", data.take(9))
    codes: Codes = data.array("u1", n) if code < 0 else np.full(n, code, np.uint8)
    words = _unshuffle(data.take(8 * n))
    return Values(words, codes, _unpack_objects(data.take(object_bytes)))


class _Cursor:
    """Reads a buffer front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise CorruptLogError("a stored blob is shorter than it says")
        return self._data[start : self._at]

    def array(self, dtype: str, n: int) -> NDArray[Any]:
        size = np.dtype(dtype).itemsize * n
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise CorruptLogError("a stored blob is shorter than it says")
        return np.frombuffer(self._data, dtype, n, start)


def _compress(data: bytes) -> bytes:
    # One compressor per call: zstandard objects must not be shared between threads.
    return _FORMAT + zstandard.ZstdCompressor(level=_LEVEL).compress(data)


def _decompress(blob: bytes) -> bytes:
    if blob[:1] != _FORMAT:
        raise CorruptLogError(f"a stored blob has the unknown format {blob[:1]!r}; read it with a newer trialog")
    data: bytes = zstandard.ZstdDecompressor().decompress(blob[1:])
    return data


def _shuffle(numbers: Int64) -> bytes:
    planes: NDArray[np.uint8] = np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, 8).T
    return planes.tobytes()


def _unshuffle(data: bytes) -> Int64:
    planes = np.frombuffer(data, np.uint8).reshape(8, -1)
    return np.ascontiguousarray(planes.T).view(np.int64).reshape(-1)


def _pack_objects(objects: list[Any]) -> bytes:
    packed: bytes = msgpack.packb(objects) if objects else b""
    return packed


def _unpack_objects(packed: bytes) -> list[Any]:
    found: list[Any] = msgpack.unpackb(packed, strict_map_key=False) if packed else []
    return found
