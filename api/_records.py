"""
The records of a run, and their msgpack form inside a frame.

A frame's payload is an anchor followed by its records, all msgpack::

    [wall_us, mono_us]            the two clocks read together when the frame was made
    [kind, mono_us, body]         for every kind but HISTORY
    [HISTORY, mono_us, step, row] a row: step number and {metric: value, possibly nested}

``mono_us`` counts microseconds on a monotonic clock since the writer attached to the run, so durations
never jump; a record's wall time is ``anchor.wall_us - anchor.mono_us + record.mono_us``.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgpack

from trialog._errors import CorruptLogError
from trialog._frames import Frame, FrameType


class Kind(enum.IntEnum):
    """
    What a record says; its body is a map unless stated.

    RUN      who attached: id, project, entity, name, group, job_type, tags, notes, base_url (of the server the
             run was meant for), attach ("new", "resume" or "join"), started_at (wall seconds), runtime_s
             (seconds run before this attach), metadata.
    CONFIG   {"set": {key: value}, "delete": [key]}
    HISTORY  a row; several rows may have one step, then the later one wins per key.
    SUMMARY  {"set": {key: value}, "delete": [key]}: what the user set by hand.
    METRIC   {"name", "summary": [op, ...], ...}: a definition by define_metric.
    STATS    {"system/...": number}: one averaged sample of system statistics.
    LOSS     {"kind", "reason", "count", "first_seq", "last_seq"}: records that are gone, and why.
    FINISH   {"state": "finished" | "failed", "exit_code": int}: the writer's last record.
    """

    RUN = 1
    CONFIG = 2
    HISTORY = 3
    SUMMARY = 4
    METRIC = 5
    STATS = 6
    LOSS = 7
    FINISH = 8


@dataclass(frozen=True)
class Record:
    """
    One decoded record.

    ``time_s`` is wall time in Unix seconds, ``runtime_s`` the monotonic seconds since the writer attached;
    ``step`` is 0 for every kind but HISTORY.
    """

    seq: int
    kind: int
    time_s: float
    runtime_s: float
    body: dict[str, Any]
    step: int = 0


#: Packs one object; made once because a Packer is three times as fast as ``msgpack.packb``.
Pack = Callable[[object], bytes]


def make_packer() -> Pack:
    """Return a packer for one thread (a msgpack Packer must not be shared)."""
    packer: Pack = msgpack.Packer(use_bin_type=True, autoreset=True).pack
    return packer


def pack_anchor(pack: Pack, mono_us: int) -> bytes:
    """Return the clock anchor that begins a payload; ``mono_us`` is the writer's monotonic time now."""
    return pack([time.time_ns() // 1000, mono_us])


def decode_frame(frame: Frame) -> Iterator[Record]:
    """
    Yield the records of a frame. A LOSS frame holds one record, however many numbers it stands for.

    Raises:
        CorruptLogError: the payload is not what the frame's header says.
    """
    count = 1 if frame.type == FrameType.LOSS else frame.count
    return decode_payload(frame.first_seq, count, frame.payload)


def decode_payload(first_seq: int, count: int, payload: bytes) -> Iterator[Record]:
    """
    Yield the records of a frame's payload, numbered from ``first_seq``.

    Raises:
        CorruptLogError: the payload is not an anchor followed by ``count`` records.
    """
    try:
        yield from _decode(first_seq, count, payload)
    except (ValueError, TypeError, LookupError, ArithmeticError, msgpack.UnpackException) as error:
        raise CorruptLogError(f"the frame at record {first_seq} is whole but not understood: {error}") from error


def _decode(first_seq: int, count: int, payload: bytes) -> Iterator[Record]:
    parts: Iterable[Any] = iter(unpacker(payload))
    anchor = next(iter(parts), None)
    if not isinstance(anchor, list) or len(anchor) != 2:
        raise ValueError("no clock anchor")
    offset = int(anchor[0]) - int(anchor[1])
    found = 0
    for part in parts:
        kind, mono = part[0], part[1]
        step, body = (part[2], part[3]) if kind == Kind.HISTORY else (0, part[2])
        if not (isinstance(body, dict) and all(isinstance(number, int) for number in (kind, mono, step))):
            raise ValueError(f"a record of kind {kind} has the wrong form")
        yield Record(first_seq + found, kind, (offset + mono) / 1e6, mono / 1e6, body, step)
        found += 1
    if found != count:
        raise ValueError(f"{found} records where the header says {count}")


def unpacker(payload: bytes) -> msgpack.Unpacker:
    """Return a strict msgpack reader over ``payload``: no extension types, string keys, bounded sizes."""
    size = max(len(payload), 1)
    reader = msgpack.Unpacker(
        raw=False,
        strict_map_key=True,
        max_buffer_size=size,
        max_str_len=size,
        max_bin_len=size,
        max_array_len=size,
        max_map_len=size,
        max_ext_len=0,
    )
    reader.feed(payload)
    return reader
