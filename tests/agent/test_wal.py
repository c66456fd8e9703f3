"""The write-ahead log: what is read back after every kind of damage is true, and what is missing is named."""

from __future__ import annotations

import errno
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trialog
from trialog._errors import CorruptLogError
from trialog._frames import (
    FRAME_HEADER_BYTES,
    HEADER_BYTES,
    FrameType,
    SegmentHeader,
    iter_frames,
    pack_frame,
    unpack_frame,
)
from trialog._records import Kind, Record, decode_frame, make_packer, pack_anchor
from trialog.agent.wal import writer as writer_module
from trialog.agent.wal.follower import LogFollower
from trialog.agent.wal.reader import Log, read_logs, scan
from trialog.agent.wal.segments import list_segments, segment_name

pack = make_packer()


def payload(*rows: dict[str, Any], first_step: int = 0) -> bytes:
    records = [pack([Kind.HISTORY, 1, first_step + n, row]) for n, row in enumerate(rows)]
    return pack_anchor(pack, 0) + b"".join(records)


async def write_log(directory: Path, frames: int, per_frame: int = 2, *, sealed: bool = True) -> None:
    writer = writer_module.SegmentWriter(directory, "r", 7)
    await writer.open()
    for n in range(frames):
        rows = [{"i": n * per_frame + k} for k in range(per_frame)]
        await writer.append(FrameType.DATA, per_frame, payload(*rows, first_step=n * per_frame))
    if sealed:
        await writer.close()
    else:
        await writer._file.close()


def records_of(log: Log) -> list[Record]:
    return [record for frame in log.frames for record in decode_frame(frame)]


def read_one(directory: Path) -> Log:
    (log,) = read_logs(directory)
    return log


def values(log: Log) -> dict[int, int]:
    return {record.seq: record.body["i"] for record in records_of(log)}


async def test_what_is_written_is_read(tmp_path: Path) -> None:
    await write_log(tmp_path, 5)
    log = read_one(tmp_path)
    assert values(log) == {seq: seq - 1 for seq in range(1, 11)}
    assert (log.writer, log.last_seq, log.damage) == (7, 10, [])
    assert [record.step for record in records_of(log)] == list(range(10))


async def test_segments_rotate_and_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_SEGMENT_BYTES", 200)
    await write_log(tmp_path, 12)
    assert len(list_segments(tmp_path)[7]) >= 4
    log = read_one(tmp_path)
    assert values(log) == {seq: seq - 1 for seq in range(1, 25)}
    assert log.damage == []


def test_a_run_spread_over_many_segments_is_whole(
    offline: Callable[..., trialog.Run], rows: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_SEGMENT_BYTES", 1000)
    run = offline()
    for step in range(500):
        run.log({"i": step})
        if step % 20 == 0:
            len(run.summary)
    run.finish()
    segments = sorted(Path(run.dir).parent.glob("*.tlog"))
    assert len(segments) > 3
    assert rows(run) == {step: {"i": step} for step in range(500)}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in segments)


async def test_a_log_cut_anywhere_reads_as_a_prefix(tmp_path: Path) -> None:
    await write_log(tmp_path, 4)
    (path,) = tmp_path.glob("*.tlog")
    whole = path.read_bytes()
    ends = [found.end for found in scan(whole, HEADER_BYTES, SegmentHeader.unpack(whole).salt, 1)][:-1]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        log = read_one(tmp_path)
        complete = 2 * sum(end <= cut for end in ends)
        assert values(log) == {seq: seq - 1 for seq in range(1, complete + 1)}, cut
        assert log.damage == [], cut


async def test_a_flipped_bit_costs_one_frame_and_is_reported(tmp_path: Path) -> None:
    await write_log(tmp_path, 4)
    (path,) = tmp_path.glob("*.tlog")
    whole = path.read_bytes()
    truth = values(read_one(tmp_path))
    seal = list(scan(whole, HEADER_BYTES, SegmentHeader.unpack(whole).salt, 1))[-1]
    for bit in range(8 * HEADER_BYTES, 8 * len(whole)):
        broken = bytearray(whole)
        broken[bit // 8] ^= 1 << bit % 8
        path.write_bytes(broken)
        log = read_one(tmp_path)
        found = values(log)
        assert found.items() <= truth.items(), bit
        assert len(truth) - len(found) <= 2, bit
        lost = len(truth) != len(found)
        assert lost == (bit // 8 < seal.start), bit
        assert bool(log.damage) == lost, bit


async def test_a_flipped_bit_in_a_segments_header_is_reported_and_costs_nothing(tmp_path: Path) -> None:
    await write_log(tmp_path, 2)
    (path,) = tmp_path.glob("*.tlog")
    whole = path.read_bytes()
    truth = values(read_one(tmp_path))
    for bit in range(8 * HEADER_BYTES):
        broken = bytearray(whole)
        broken[bit // 8] ^= 1 << bit % 8
        path.write_bytes(broken)
        log = read_one(tmp_path)
        assert values(log) == truth, bit
        assert log.damage, bit
        follower = LogFollower(tmp_path, 7)
        batch = await follower.next_batch(0, 1 << 20)
        assert batch is not None, bit
        assert (batch.first, batch.last) == (1, 4), bit
        assert follower.damage, bit


async def test_a_destroyed_header_costs_its_segment_and_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_SEGMENT_BYTES", 200)
    await write_log(tmp_path, 12)
    truth = values(read_one(tmp_path))
    path = list_segments(tmp_path)[7][1]
    path.write_bytes(bytes(64) + path.read_bytes()[64:])
    log = read_one(tmp_path)
    assert values(log).items() < truth.items()
    assert len(log.damage) == 2
    assert path.name in log.damage[0]
    assert "are missing" in log.damage[1]


async def test_a_destroyed_sector_costs_its_frames_only(tmp_path: Path) -> None:
    await write_log(tmp_path, 60)
    (path,) = tmp_path.glob("*.tlog")
    whole = path.read_bytes()
    truth = values(read_one(tmp_path))
    frame_bytes = (len(whole) - HEADER_BYTES) // 60
    for start in range(HEADER_BYTES, len(whole) - 512 - frame_bytes, 97):
        path.write_bytes(whole[:start] + bytes(512) + whole[start + 512 :])
        log = read_one(tmp_path)
        assert values(log).items() <= truth.items()
        assert len(truth) - len(values(log)) <= 2 * (512 // frame_bytes + 2)
        assert log.damage


async def test_a_frame_quoted_in_a_payload_never_surfaces(tmp_path: Path) -> None:
    """Somebody logs the bytes of a log: with damage around them, they must not be taken for frames."""
    quoted = pack_frame(0, FrameType.DATA, 2, 1, payload({"i": 666}))
    writer = writer_module.SegmentWriter(tmp_path, "r", 7)
    await writer.open()
    await writer.append(FrameType.DATA, 1, payload({"i": 0}))
    hidden = pack_anchor(pack, 0) + pack([Kind.HISTORY, 1, 1, {"blob": quoted}])
    await writer.append(FrameType.DATA, 1, hidden)
    await writer.append(FrameType.DATA, 1, payload({"i": 2}))
    await writer.close()
    (path,) = tmp_path.glob("*.tlog")
    whole = path.read_bytes()
    begin = whole.index(quoted) - FRAME_HEADER_BYTES - 40
    for at in range(begin, begin + 64):
        broken = bytearray(whole)
        broken[at] ^= 0xFF
        path.write_bytes(broken)
        assert 666 not in [record.body.get("i") for record in records_of(read_one(tmp_path))]


async def test_garbage_between_frames_is_skipped_and_reported(tmp_path: Path) -> None:
    await write_log(tmp_path, 3)
    (path,) = tmp_path.glob("*.tlog")
    whole = path.read_bytes()
    second = list(scan(whole, HEADER_BYTES, SegmentHeader.unpack(whole).salt, 1))[1].start
    path.write_bytes(whole[:second] + b"TLF1 not a frame TLF1" + whole[second:])
    log = read_one(tmp_path)
    assert len(values(log)) == 6
    assert log.damage == [f"{path.name}: 21 damaged bytes before offset {second + 21}"]


async def test_a_missing_segment_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_SEGMENT_BYTES", 200)
    await write_log(tmp_path, 12)
    paths = list_segments(tmp_path)[7]
    paths[1].unlink()
    log = read_one(tmp_path)
    truth = {seq: seq - 1 for seq in range(1, 25)}
    assert values(log).items() < truth.items()
    (damage,) = log.damage
    gone = sorted(truth.keys() - values(log).keys())
    assert damage == f"{paths[2].name}: records {gone[0]} to {gone[-1]} are missing"


async def test_a_copied_segment_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_SEGMENT_BYTES", 200)
    await write_log(tmp_path, 12)
    paths = list_segments(tmp_path)[7]
    (tmp_path / segment_name(7, 99)).write_bytes(paths[1].read_bytes())
    assert len(records_of(read_one(tmp_path))) == 24


async def test_a_segment_of_another_writer_is_left_out(tmp_path: Path) -> None:
    await write_log(tmp_path, 2)
    (path,) = tmp_path.glob("*.tlog")
    path.rename(tmp_path / segment_name(8, 1))
    log = read_one(tmp_path)
    assert log.writer == 8
    assert log.frames == []
    assert "another writer" in log.damage[0]
    assert await LogFollower(tmp_path, 8).next_batch(0, 1 << 20) is None


def with_header(data: bytes, **changes: int) -> bytes:
    """Return the segment with fields of its header changed and the header's checksum made right again."""
    head = bytearray(data[:HEADER_BYTES])
    for name, value in changes.items():
        struct.pack_into("<H", head, {"major": 8, "minor": 10}[name], value)
    struct.pack_into("<I", head, HEADER_BYTES - 4, zlib.crc32(head[: HEADER_BYTES - 4]))
    return bytes(head) + data[HEADER_BYTES:]


async def test_a_newer_major_format_is_refused_with_advice(tmp_path: Path) -> None:
    await write_log(tmp_path, 2)
    (path,) = tmp_path.glob("*.tlog")
    path.write_bytes(with_header(path.read_bytes(), major=2))
    before = path.read_bytes()
    log = read_one(tmp_path)
    assert log.frames == []
    assert "format 2" in log.damage[0]
    assert "newer trialog" in log.damage[0]
    assert path.read_bytes() == before


async def test_a_newer_minor_format_is_read(tmp_path: Path) -> None:
    await write_log(tmp_path, 2)
    (path,) = tmp_path.glob("*.tlog")
    path.write_bytes(with_header(path.read_bytes(), minor=9))
    assert len(values(read_one(tmp_path))) == 4


async def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / segment_name(7, 1)).write_bytes(b"SQLite format 3\0" * 40)
    log = read_one(tmp_path)
    assert "no trialog write-ahead log" in log.damage[0]


def test_short_headers_are_refused() -> None:
    for size in (0, 1, HEADER_BYTES - 1):
        with pytest.raises(CorruptLogError, match="64 bytes"):
            SegmentHeader.unpack(bytes(size))


def test_a_body_must_be_frames_from_end_to_end() -> None:
    frame = pack_frame(9, FrameType.DATA, 1, 1, payload({"i": 1}))
    assert len(list(iter_frames(frame + frame, 9))) == 2
    for broken in (frame + b"x", b"x" + frame, frame[:-1]):
        with pytest.raises(CorruptLogError):
            list(iter_frames(broken, 9))
    assert unpack_frame(frame, 0, 8) is None


async def test_a_log_is_readable_while_it_is_written(tmp_path: Path) -> None:
    writer = writer_module.SegmentWriter(tmp_path, "r", 7)
    await writer.open()
    for n in range(20):
        await writer.append(FrameType.DATA, 1, payload({"i": n}))
        log = read_one(tmp_path)
        assert values(log) == {seq: seq - 1 for seq in range(1, n + 2)}
        assert log.damage == []
    await writer.close()


async def test_a_refused_write_leaves_the_log_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes half a frame and then is full: the half is cut off, and the frame written again later."""
    writer = writer_module.SegmentWriter(tmp_path, "r", 7)
    await writer.open()
    await writer.append(FrameType.DATA, 1, payload({"i": 0}))
    real, left = writer._file.write, 10

    async def full_disk(data: bytes) -> int:
        nonlocal left
        if left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = data[:left]
        left -= len(part)
        return int(await real(part))

    monkeypatch.setattr(writer, "_file", _Stub(writer._file, full_disk))
    with pytest.raises(OSError, match="No space"):
        await writer.append(FrameType.DATA, 1, payload({"i": 1}))
    assert values(read_one(tmp_path)) == {1: 0}
    left = 10**9
    await writer.append(FrameType.DATA, 1, payload({"i": 1}))
    await writer.close()
    log = read_one(tmp_path)
    assert values(log) == {1: 0, 2: 1}
    assert log.damage == []


class _Stub:
    """A file whose write is replaced."""

    def __init__(self, file: Any, write: Any) -> None:
        self._file, self.write = file, write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


async def test_a_disk_that_is_full_at_a_rotation_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new segment's header does not fit: no frame may follow in a segment without a header."""
    monkeypatch.setattr(writer_module, "MAX_SEGMENT_BYTES", 200)
    refusals = [errno.ENOSPC, errno.ENOSPC]
    real = writer_module.aiofiles.open

    async def open_on_a_full_disk(*args: Any, **kwargs: Any) -> Any:
        file = await real(*args, **kwargs)
        if writer.written < 8 or not refusals:
            return file

        async def refuse(data: bytes) -> int:
            if refusals:
                raise OSError(refusals.pop(), "No space left on device")
            return int(await file.write(data))

        return _Stub(file, refuse)

    writer = writer_module.SegmentWriter(tmp_path, "r", 7)
    await writer.open()
    monkeypatch.setattr(writer_module.aiofiles, "open", open_on_a_full_disk)
    refused = 0
    for n in range(20):
        while True:
            try:
                await writer.append(FrameType.DATA, 1, payload({"i": n}))
            except OSError:
                refused += 1
            else:
                break
    await writer.close()
    assert refused == 2
    assert values(read_one(tmp_path)) == {seq: seq - 1 for seq in range(1, 21)}


async def test_a_follower_reads_the_same_frames_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_SEGMENT_BYTES", 400)
    await write_log(tmp_path, 40)
    for size in (1, 60, 100, 1000, 10**6):
        follower, after, found = LogFollower(tmp_path, 7), 0, {}
        while (batch := await follower.next_batch(after, size)) is not None:
            assert batch.first == after + 1
            for frame in iter_frames(batch.body, batch.salt):
                found |= {record.seq: record.body["i"] for record in decode_frame(frame)}
            after = batch.last
        assert found == {seq: seq - 1 for seq in range(1, 81)}
        assert follower.damage == []


async def test_a_follower_sees_what_is_appended_behind_its_back(tmp_path: Path) -> None:
    writer, follower = writer_module.SegmentWriter(tmp_path, "r", 7), LogFollower(tmp_path, 7)
    assert await follower.next_batch(0, 1000) is None
    await writer.open()
    assert await follower.next_batch(0, 1000) is None
    for n in range(5):
        await writer.append(FrameType.DATA, 1, payload({"i": n}))
        batch = await follower.next_batch(n, 1000)
        assert batch is not None
        assert (batch.first, batch.last) == (n + 1, n + 1)
        assert await follower.next_batch(n + 1, 1000) is None
    await writer.close()


async def test_a_follower_covers_damage_with_a_loss_frame(tmp_path: Path) -> None:
    await write_log(tmp_path, 5)
    (path,) = tmp_path.glob("*.tlog")
    whole = bytearray(path.read_bytes())
    third = list(scan(bytes(whole), HEADER_BYTES, SegmentHeader.unpack(bytes(whole)).salt, 1))[2]
    whole[third.end - 1] ^= 1
    path.write_bytes(whole)
    follower = LogFollower(tmp_path, 7)
    batch = await follower.next_batch(0, 1 << 20)
    assert batch is not None
    assert (batch.first, batch.last, batch.count) == (1, 10, 10)
    frames = list(iter_frames(batch.body, batch.salt))
    assert [frame.first_seq for frame in frames] == [1, 3, 5, 7, 9]
    assert frames[2].type == FrameType.LOSS
    (loss,) = decode_frame(frames[2])
    assert loss.kind == Kind.LOSS
    assert loss.body == {
        "kind": "record",
        "reason": "damaged log",
        "count": 2,
        "first_seq": 5,
        "last_seq": 6,
    }
    assert len(follower.damage) == 1


def test_readers_change_nothing(offline: Callable[..., trialog.Run], rows: Callable[..., Any]) -> None:
    run = offline()
    run.log({"a": 1})
    run.finish()
    folder = Path(run.dir).parent
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*.tlog")}
    names = {path.name for path in folder.iterdir()} | {"debug.log"}
    rows(run)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before} == before
    assert {path.name for path in folder.iterdir()} | {"debug.log"} == names
