"""The HTTP form of ingest: limits, decompression, and the answer a writer waits for."""

from __future__ import annotations

import re
import zlib

from aiohttp import web

from trialog.server.batches import bad_frames, read_batch
from trialog.server.errors import RefusedError, bad_request
from trialog.server.ingest import Source, apply_batch, run_deleted
from trialog.server.parts import Call
from trialog.server.storage.database import Snapshot
from trialog.server.storage.runs import find_run
from trialog.server.storage.writers import find_writer
from trialog.server.wire import answer

MAX_RAW_BYTES = 4 * 1024 * 1024
_CONTENT_TYPE = "application/x-trialog-frames"
_WRITER = re.compile(r"[0-9a-f]{16}\Z")
_INFLATE_STEP = 256 * 1024
_GZIP_OVERHEAD = 16 * 1024
_MAX_SEQ = 2**62


async def get_cursor(call: Call) -> web.Response:
    """Answer how far a writer has come; 0 when the run or the writer is unknown."""
    source = _source(call)

    def look_up(snapshot: Snapshot) -> int:
        row = find_run(snapshot.meta, source.entity_id, source.project, source.run)
        if row is None:
            return 0
        if row.deleted_at is not None:
            raise run_deleted()
        writer = find_writer(snapshot.meta, row.id, source.writer)
        return 0 if writer is None else int(writer.cursor)

    cursor = await call.parts.database.read(look_up)
    about = {"instance": call.parts.instance, "entity": call.identity.entity, "user": call.identity.user}
    return answer({**about, "cursor": cursor})


async def post_frames(call: Call) -> web.Response:
    """Apply frames of a writer; the ack leaves only after they are committed and synced."""
    source = _source(call)
    first, count, salt = (
        _number(call, name, low, high)
        for name, low, high in (("first", 1, _MAX_SEQ), ("count", 0, MAX_RAW_BYTES), ("salt", 0, 2**32 - 1))
    )
    body = await _read_body(call.request)
    parts = call.parts
    batch = await parts.database.compute(lambda: read_batch(body, first=first, count=count, salt=salt))
    applied = await parts.database.write(lambda connection: apply_batch(connection, source, batch))
    if applied.project_id is not None:
        parts.hub.publish(applied.project_id, source.run, applied.blocks)
        parts.maintenance.note_tail(applied.tail_rows)
    return answer({"instance": parts.instance, "ack": applied.ack})


def _source(call: Call) -> Source:
    entity = call.request.match_info["entity"]
    identity = call.identity
    if entity not in ("me", identity.entity):
        message = f"runs of {entity!r} can only be written by their owner; you are {identity.user!r}"
        raise RefusedError(403, "forbidden", message)
    writer = call.request.match_info["writer"]
    if not _WRITER.match(writer):
        raise bad_request("bad_writer", "a writer is named by 16 hexadecimal digits")
    return Source(identity.entity_id, identity.user, call.name("project"), call.name("run"), writer)


def _number(call: Call, name: str, low: int, high: int) -> int:
    text = call.request.query.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 20 or not low <= int(text) <= high:
        raise bad_request("bad_query", f"{name} must be a whole number from {low} to {high}")
    return int(text)


async def _read_body(request: web.Request) -> bytes:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if request.content_type != _CONTENT_TYPE and request.can_read_body:
        raise RefusedError(415, "bad_type", f"this address takes {_CONTENT_TYPE}")
    if encoding not in ("identity", "gzip"):
        raise RefusedError(415, "bad_encoding", "bodies may be encoded with gzip, or not at all")
    if (request.content_length or 0) > MAX_RAW_BYTES + _GZIP_OVERHEAD:
        raise _too_large()
    inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    body = bytearray()
    async for data in request.content.iter_any():
        if inflate is None:
            body += data
            _check_size(body)
            continue
        while data:
            body += _inflate(inflate, data)
            _check_size(body)
            data = inflate.unconsumed_tail
    if inflate is not None and body and (not inflate.eof or inflate.unused_data):
        raise bad_frames("the gzip stream is cut off or followed by something else")
    return bytes(body)


def _inflate(inflate: zlib._Decompress, data: bytes) -> bytes:
    try:
        return inflate.decompress(data, _INFLATE_STEP)
    except zlib.error as error:
        raise bad_frames(f"the body is no gzip stream ({error})") from error


def _check_size(body: bytearray) -> None:
    if len(body) > MAX_RAW_BYTES:
        raise _too_large()


def _too_large() -> RefusedError:
    return RefusedError(413, "too_large", f"a body may have {MAX_RAW_BYTES} bytes once decompressed")
