"""Uploading run directories from disk: once, and following them as they grow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trialog
from trialog._frames import HEADER_BYTES, SegmentHeader
from trialog._records import Kind
from trialog.agent.sync import Destination, FolderFollower, SyncResult, sync
from trialog.agent.wal.reader import scan

KEY = "tl_" + "k" * 43


def upload(server: Any, *paths: Path) -> list[SyncResult]:
    reported: list[SyncResult] = []
    results = sync(list(paths), lambda identity: Destination(server.base_url, KEY), reported.append)
    assert sorted(map(id, reported)) == sorted(map(id, results))
    return results


def folder_of(run: trialog.Run) -> Path:
    return Path(run.dir).parent


def make_run(offline: Callable[..., trialog.Run], count: int, **arguments: Any) -> Path:
    run = offline(**arguments)
    for step in range(count):
        run.log({"i": step}, step=step)
        if step % 10 == 9:
            len(run.summary)
    run.finish()
    return folder_of(run)


def test_an_offline_run_arrives_whole_and_a_second_time_nothing_is_sent(
    offline: Callable[..., trialog.Run], server: Any
) -> None:
    server.start()
    folder = make_run(offline, 50, id="r1", name="n")
    (result,) = upload(server, folder)
    assert result.ok
    assert (result.name, result.project, result.run_id, result.base_url) == ("n", "p", "r1", server.base_url)
    assert result.records == result.sent == 52
    assert server.rows() == {step: {"i": step} for step in range(50)}
    assert server.kinds()[-1] == Kind.FINISH
    (again,) = upload(server, folder)
    assert again.ok
    assert (again.records, again.sent) == (52, 0)


def test_only_what_is_missing_is_sent_from_inside_a_frame_on(offline: Callable[..., trialog.Run], server: Any) -> None:
    server.start()
    folder = make_run(offline, 50)
    upload(server, folder)
    held = server.only
    held.cursor = 7
    held.records = {seq: record for seq, record in held.records.items() if seq <= 7}
    (result,) = upload(server, folder)
    assert result.ok
    assert result.sent == 45
    assert server.rows() == {step: {"i": step} for step in range(50)}


def test_a_folder_of_runs_goes_at_once_and_a_bad_one_stops_none(
    offline: Callable[..., trialog.Run], server: Any
) -> None:
    server.start()
    folders = [make_run(offline, 5, id=f"r{n}") for n in range(12)]
    bad = next(folders[3].glob("*.tlog"))
    bad.write_bytes(b"x" * 500)
    results = {result.directory.absolute(): result for result in upload(server, Path("trialog-runs"))}
    assert len(results) == 12
    assert [folder for folder in folders if not results[folder].ok] == [folders[3]]
    assert "no record that says which run" in (results[folders[3]].problem or "")
    assert {key[2] for key in server.writers} == {f"r{n}" for n in range(12) if n != 3}


def test_damage_in_the_middle_is_reported_and_covered_and_the_rest_arrives(
    offline: Callable[..., trialog.Run], server: Any
) -> None:
    server.start()
    folder = make_run(offline, 100)
    path = next(folder.glob("*.tlog"))
    data = bytearray(path.read_bytes())
    frames = list(scan(bytes(data), HEADER_BYTES, SegmentHeader.unpack(bytes(data)).salt, 1))
    broken = frames[len(frames) // 2]
    data[broken.end - 1] ^= 1
    path.write_bytes(data)
    (result,) = upload(server, folder)
    assert result.problem is None
    assert not result.ok
    assert len(result.damage) == 2
    assert server.only.lost == [(broken.frame.first_seq, broken.frame.last_seq)]
    assert len(server.rows()) == 100 - broken.frame.count
    assert server.kinds()[-1] == Kind.FINISH
    assert server.only.cursor == 102


def test_a_run_that_is_being_written_is_sent_as_far_as_it_is(offline: Callable[..., trialog.Run], server: Any) -> None:
    server.start()
    run = offline()
    run.log({"i": 0})
    assert run.summary["i"] == 0
    (result,) = upload(server, folder_of(run))
    assert result.ok
    assert server.rows() == {0: {"i": 0}}
    run.log({"i": 1})
    run.finish()
    upload(server, folder_of(run))
    assert server.rows() == {0: {"i": 0}, 1: {"i": 1}}
    assert server.kinds()[-1] == Kind.FINISH


def test_two_at_once_double_nothing(offline: Callable[..., trialog.Run], server: Any) -> None:
    server.start()
    folder = make_run(offline, 200)
    threads = [threading.Thread(target=upload, args=(server, folder)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert server.rows() == {step: {"i": step} for step in range(200)}


def test_the_directory_is_only_read(offline: Callable[..., trialog.Run], server: Any) -> None:
    server.start()
    folder = make_run(offline, 5)

    def state() -> dict[str, tuple[int, int]]:
        files = [path for path in folder.rglob("*") if path.name != "debug.log"]  # its last lines come late
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}

    before = state()
    upload(server, folder)
    assert state() == before


def test_a_server_that_comes_back_in_time_is_waited_for(
    offline: Callable[..., trialog.Run], server: Any, refuse: Any, quick_retries: None
) -> None:
    server.fault = lambda request: refuse(503, "starting") if request.number <= 4 else None
    server.start()
    (result,) = upload(server, make_run(offline, 5))
    assert result.ok


def test_a_server_that_takes_no_records_ends_it_with_the_reason(
    offline: Callable[..., trialog.Run], server: Any, refuse: Any, quick_retries: None
) -> None:
    server.fault = lambda request: refuse(500, "disk_full") if request.method == "POST" else None
    server.start()
    (result,) = upload(server, make_run(offline, 5))
    assert not result.ok
    assert result.problem == "the server answered 500 because of disk_full"
    assert result.sent == 0


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (410, "run_deleted"), (400, "bad_frames")])
def test_a_refusal_ends_it_with_what_the_server_said(
    status: int, code: str, offline: Callable[..., trialog.Run], server: Any, refuse: Any
) -> None:
    server.fault = lambda request: refuse(status, code)
    server.start()
    (result,) = upload(server, make_run(offline, 5))
    assert f"because of {code}" in (result.problem or "")


def test_an_empty_folder_gives_nothing(server: Any) -> None:
    assert upload(server, Path.cwd()) == []


def test_the_printed_command_completes_a_run(
    online: Callable[..., trialog.Run], server: Any, capsys: Any, impatient: None
) -> None:
    """A script with the server down, then exactly what its last line says, in a shell."""
    run = online(project="my project")
    for step in range(20):
        run.log({"i": step}, step=step)
    run.finish()
    command = capsys.readouterr().err.splitlines()[-1].removeprefix("trialog:").strip()
    assert command.startswith("trialog sync ")
    server.start()
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("trialog", f"{sys.executable} -m trialog", 1)],
        env={**os.environ, "TRIALOG_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert f"1 of 1 run complete on {server.base_url}" in done.stdout
    assert server.rows() == {step: {"i": step} for step in range(20)}


def test_a_followed_folder_brings_new_runs_and_new_rows(offline: Callable[..., trialog.Run], server: Any) -> None:
    server.start()
    first = make_run(offline, 3, id="first")
    follower = FolderFollower(first.parent, Destination(server.base_url, KEY, "me"), print)
    threading.Thread(target=follower.run, daemon=True).start()

    def have(run_id: str) -> set[int]:
        return {
            record.step
            for key, writer in list(server.writers.items())
            for record in list(writer.records.values())
            if key[2] == run_id and record.kind == Kind.HISTORY
        }

    server.wait(lambda: have("first") == {0, 1, 2}, "the run that was there")
    run = offline(id="second")
    run.log({"i": 0})
    server.wait(lambda: have("second") == {0}, "a run that began later")
    run.log({"i": 1})
    server.wait(lambda: have("second") == {0, 1}, "a row that came later")
    run.finish()
    server.wait(
        lambda: any(
            record.kind == Kind.FINISH
            for key, writer in server.writers.items()
            if key[2] == "second"
            for record in writer.records.values()
        ),
        "the end of the run",
    )


def test_following_a_dead_run_does_not_keep_it_alive_on_the_server(
    offline: Callable[..., trialog.Run], script: Callable[..., Any], server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server calls a run lost when it hears nothing; whoever follows its folder must not speak for it."""
    monkeypatch.setattr("trialog.agent.uploader.HEARTBEAT_S", 0.2)
    monkeypatch.setattr("trialog.agent.sync.SCAN_INTERVAL_S", 0.05)
    server.start()
    done = script(
        """
        import os, trialog
        run = trialog.init(id="dead", project="p", mode="offline", settings={"silent": True})
        run.log({"i": 0})
        run.summary["i"]
        os._exit(1)
        """
    )
    assert done.returncode == 1
    run = offline(id="alive")
    run.log({"i": 0})
    speaking: list[str] = []

    def listen(request: Any) -> None:
        if request.method == "POST" and request.count == 0:
            speaking.append(request.run)

    server.fault = listen
    follower = FolderFollower(Path("trialog-runs"), Destination(server.base_url, KEY, "me"), print)
    threading.Thread(target=follower.run, daemon=True).start()
    server.wait(lambda: {key[2] for key in server.writers} == {"dead", "alive"}, "both runs")
    server.wait(lambda: speaking.count("alive") >= 3, "signs of life")
    assert set(speaking) == {"alive"}


def test_a_copied_directory_uploads_from_elsewhere(
    offline: Callable[..., trialog.Run], server: Any, tmp_path: Path
) -> None:
    server.start()
    copy = tmp_path / "elsewhere"
    shutil.copytree(make_run(offline, 5), copy)
    (result,) = upload(server, copy)
    assert result.ok
    assert len(server.rows()) == 5
