"""Reading a request's frames into records and rows: everything that can be done before a transaction begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from trialog._aggregates import OPS, flatten
from trialog._errors import CorruptLogError
from trialog._frames import Frame, FrameType, iter_frames
from trialog._records import Kind, Record, decode_frame
from trialog.server.columns import Block, Int64, RowCollector
from trialog.server.errors import RefusedError, bad_request

_MAX_DEPTH = 64
_MAX_NAME = 1024
_INT64 = 2**63
_SKIPPABLE_FROM = 128
_CARRIES_RECORDS = {FrameType.DATA, FrameType.CONTROL, FrameType.LOSS, FrameType.FINISH}

#: Records to which it matters which rows came before them.
_BARRIERS = {Kind.RUN, Kind.SUMMARY, Kind.METRIC, Kind.FINISH}


@dataclass
class Rows:
    """
    Rows between two barriers.

    ``block.origins`` still lacks what the run had run before its writer attached; ``sampled`` are the rows of
    system statistics, whose steps are only known then, and ``logged`` those of the user.
    """

    block: Block
    sampled: Int64
    logged: Int64

    def placed(self, base_us: int) -> Block:
        """
        Return the rows on the run's own clock, ``base_us`` being its running time when the writer attached.

        System statistics have its whole seconds as steps.
        """
        block, sampled = self.block, self.sampled
        origins = block.origins - base_us
        steps = block.steps.copy()
        steps[sampled] = (block.times[sampled] - origins[sampled]) // 1_000_000
        return Block(steps, block.times, origins, block.cells)


@dataclass
class Batch:
    """
    Records ``first`` to ``last`` of one writer, and their rows made ready.

    ``last`` is ``first - 1`` when there are none. A LOSS record stands for all the numbers that it tells of,
    so there may be fewer records than numbers.
    """

    first: int
    last: int
    records: list[Record]
    parts: list[Rows | Record]

    def after(self, seq: int) -> Batch:
        """Return the part of the batch that comes after record ``seq``."""
        if seq < self.first:
            return self
        records = [record for record in self.records if record.seq > seq]
        return Batch(seq + 1, self.last, records, list(_parts(records)))


def read_batch(body: bytes, *, first: int, count: int, salt: int) -> Batch:
    """
    Check and decode the frames of a request.

    Raises:
        RefusedError: they are damaged, out of order, or not what ``first`` and ``count`` say.
    """
    try:
        frames = list(iter_frames(body, salt))
        last = _check_order(frames, first)
        if last - first + 1 != count:
            raise bad_frames(f"the body holds {last - first + 1} records, the address says {count}")
        records = [record for frame in frames for record in _frame_records(frame)]
        for record in records:
            _check(record)
        return Batch(first, last, records, list(_parts(records)))
    except CorruptLogError as error:
        raise bad_frames(str(error)) from error
    except RecursionError as error:
        raise bad_frames("a value is nested too deeply") from error


def bad_frames(message: str) -> RefusedError:
    """Return the refusal of a body that no retry will mend."""
    return bad_request("bad_frames", f"{message}; nothing of this request was applied")


def _check_order(frames: list[Frame], first: int) -> int:
    """Return the number of the last record; every frame must begin where the one before it ended."""
    following = first
    for frame in frames:
        if frame.first_seq != following:
            raise bad_frames(f"a frame begins at record {frame.first_seq} where {following} is due")
        following += frame.count
    return following - 1


def _frame_records(frame: Frame) -> Iterator[Record]:
    if frame.type in _CARRIES_RECORDS:
        return decode_frame(frame)
    if frame.type >= _SKIPPABLE_FROM and frame.count == 0:
        return iter(())
    raise bad_frames(f"frames of type {frame.type} are not understood here; the client may be newer than the server")


def _parts(records: list[Record]) -> Iterator[Rows | Record]:
    gather = _Gathering()
    for record in records:
        if record.kind == Kind.HISTORY or record.kind == Kind.STATS:
            gather.add(record)
            continue
        if record.kind in _BARRIERS and gather:
            yield gather.rows()
            gather = _Gathering()
        yield record
    if gather:
        yield gather.rows()


class _Gathering:
    """Rows on their way into a block."""

    def __init__(self) -> None:
        self._collector = RowCollector()
        self._sampled: list[int] = []
        self._logged: list[int] = []

    def __bool__(self) -> bool:
        return len(self._collector) > 0

    def add(self, record: Record) -> None:
        kept = self._logged if record.kind == Kind.HISTORY else self._sampled
        kept.append(len(self._collector))
        time_us = round(record.time_s * 1e6)
        origin_us = time_us - round(record.runtime_s * 1e6)
        self._collector.add(record.step, time_us, origin_us, flatten(record.body))

    def rows(self) -> Rows:
        block = self._collector.block()
        for key in block.cells:
            if not key or len(key) > _MAX_NAME:
                raise bad_frames(f"a metric's name is empty or longer than {_MAX_NAME} characters")
        return Rows(block, np.array(self._sampled, np.int64), np.array(self._logged, np.int64))


def _check(record: Record) -> None:
    body = record.body
    if not abs(record.time_s) < 1e12 or not 0 <= record.runtime_s < 1e12:
        raise bad_frames(f"record {record.seq} has impossible times")
    if record.kind == Kind.HISTORY or record.kind == Kind.STATS:
        if not -_INT64 <= record.step < _INT64:
            raise bad_frames(f"the step of record {record.seq} does not fit 64 bits")
        for value in body.values():
            if isinstance(value, (dict, list)):
                _check_depth(value)
        return
    check = _CHECKS.get(record.kind)
    if check is None:
        raise bad_frames(f"record {record.seq} is of the unknown kind {record.kind}")
    _check_depth(body)
    if not check(body):
        raise bad_frames(f"record {record.seq} of kind {Kind(record.kind).name} has the wrong form")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner: list[Any] = []
        for part in level:
            inner.extend(part.values() if isinstance(part, dict) else part)
        level = [part for part in inner if isinstance(part, (dict, list))]
        if not level:
            return
    raise bad_frames(f"a value is nested more than {_MAX_DEPTH} levels deep")


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and abs(value) < 1e12


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < _INT64


def _good_run(body: dict[str, Any]) -> bool:
    tags = body.get("tags") or []
    return (
        all(_is_text(body.get(name)) for name in ("name", "group", "job_type", "notes"))
        and isinstance(tags, list)
        and all(isinstance(tag, str) for tag in tags)
        and body.get("attach") in ("new", "resume", "join")
        and _is_time(body.get("started_at"))
        and _is_time(body.get("runtime_s", 0.0))
        and isinstance(body.get("metadata") or {}, dict)
    )


def _good_edit(body: dict[str, Any]) -> bool:
    deleted = body.get("delete") or []
    named = isinstance(deleted, list) and all(isinstance(key, str) for key in deleted)
    return named and isinstance(body.get("set") or {}, dict)


def _good_metric(body: dict[str, Any]) -> bool:
    ops = body.get("summary") or []
    return isinstance(body.get("name"), str) and isinstance(ops, list) and all(op in OPS for op in ops)


def _good_loss(body: dict[str, Any]) -> bool:
    return (
        all(isinstance(body.get(name), str) for name in ("kind", "reason"))
        and _is_count(body.get("count"))
        and all(body.get(name) is None or _is_count(body[name]) for name in ("first_seq", "last_seq"))
    )


def _good_finish(body: dict[str, Any]) -> bool:
    code = body.get("exit_code")
    whole = code is None or (isinstance(code, int) and abs(code) < 2**31)
    return body.get("state") in ("finished", "failed") and whole


_CHECKS: dict[int, Callable[[dict[str, Any]], bool]] = {
    Kind.RUN: _good_run,
    Kind.CONFIG: _good_edit,
    Kind.SUMMARY: _good_edit,
    Kind.METRIC: _good_metric,
    Kind.LOSS: _good_loss,
    Kind.FINISH: _good_finish,
}
