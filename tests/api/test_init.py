"""init() and what comes with it: modes, names, the run directory, the active run, several runs."""

from __future__ import annotations

import os
import re
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trialog

Offline = Callable[..., trialog.Run]
NAME = re.compile(r"[a-z]+-[a-z]+-(\d+)")


@pytest.fixture
def loud() -> Callable[..., trialog.Run]:
    """Return a function that starts a run that prints."""

    def start(**arguments: Any) -> trialog.Run:
        return trialog.init(**{"settings": {"disable_stats": True}, "reinit": "finish_previous", **arguments})

    return start


def test_without_a_server_a_run_is_offline_and_one_line_says_so(loud: Any, capsys: Any) -> None:
    run = loud()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"trialog: run {run.name} ({run.id}) in project uncategorized, offline; see it: trialog ui trialog-runs\n"
    )
    assert (run.offline, run.disabled, run.url, run.entity) == (True, False, None, "")


def test_the_end_says_what_was_kept_and_how_to_send_it(loud: Any, capsys: Any) -> None:
    run = loud(dir="my runs")
    for _ in range(1234):
        run.log({"a": 1})
    capsys.readouterr()
    run.finish()
    said = capsys.readouterr().err.splitlines()
    folder = f"my runs/trialog-runs/{Path(run.dir).parent.name}"
    assert len(said) == 2
    assert re.fullmatch(rf"trialog: run {run.name} finished after \d+\.\d s: 1,234 rows, in {folder}", said[0])
    assert said[1] == f"trialog: send it to a server: trialog sync '{folder}'"


def test_silent_prints_nothing(capsys: Any) -> None:
    with trialog.init(mode="offline", settings={"silent": True}) as run:
        run.log({"a": 2**80})
    trialog.init(mode="disabled", settings={"silent": True}).finish()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("mode", ["online", "run"])
def test_online_without_a_server_says_what_to_do(mode: str) -> None:
    with pytest.raises(trialog.UsageError, match=r"mode='online' needs a server: set TRIALOG_BASE_URL"):
        trialog.init(mode=mode)
    assert trialog.run is None
    assert not Path("trialog-runs").exists()


@pytest.mark.parametrize("mode", ["offline", "dryrun"])
def test_offline_under_both_names(mode: str, loud: Any) -> None:
    assert loud(mode=mode).offline


def test_a_server_in_the_settings_makes_a_run_online(monkeypatch: pytest.MonkeyPatch, loud: Any) -> None:
    monkeypatch.setenv("TRIALOG_BASE_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("TRIALOG_API_KEY", "tl_x")
    monkeypatch.setenv("TRIALOG_FINISH_TIMEOUT", "0")
    run = loud(project="größe", entity="team", id="a b")
    assert not run.offline
    assert run.url == "http://127.0.0.1:9/team/gr%C3%B6%C3%9Fe/runs/a%20b"
    assert loud(mode="offline").url is None


def test_init_does_not_wait_for_the_network(monkeypatch: pytest.MonkeyPatch, loud: Any) -> None:
    """A name server that does not answer hangs a thread of the agent, never the script."""
    import socket

    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: released.wait(30) and [])
    monkeypatch.setenv("TRIALOG_BASE_URL", "http://tracker.example:8642")
    monkeypatch.setenv("TRIALOG_API_KEY", "tl_x")
    monkeypatch.setenv("TRIALOG_FINISH_TIMEOUT", "0.2")
    try:
        begun = time.monotonic()
        run = loud()
        run.log({"a": 1})
        assert run.summary["a"] == 1
        run.finish()
        assert time.monotonic() - begun < 8
    finally:
        released.set()


def test_wandbs_names_count_but_not_its_server(monkeypatch: pytest.MonkeyPatch, loud: Any) -> None:
    for name, value in {
        "PROJECT": "p",
        "ENTITY": "e",
        "NAME": "n",
        "RUN_ID": "i",
        "RUN_GROUP": "g",
        "JOB_TYPE": "j",
        "TAGS": "a,b",
        "NOTES": "long",
        "DIR": "elsewhere",
        "BASE_URL": "http://127.0.0.1:9",
        "API_KEY": "secret",
    }.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    run = loud()
    assert run.offline
    found = (run.project, run.entity, run.name, run.id, run.group, run.job_type, run.tags, run.notes)
    assert found == ("p", "e", "n", "i", "g", "j", ("a", "b"), "long")
    assert Path(run.dir).is_relative_to(Path("elsewhere/trialog-runs").absolute())
    monkeypatch.setenv("TRIALOG_PROJECT", "mine")
    assert loud(id="x").project == "mine"


def test_arguments_win(monkeypatch: pytest.MonkeyPatch, loud: Any) -> None:
    monkeypatch.setenv("TRIALOG_PROJECT", "environment")
    assert loud(settings={"project": "settings"}).project == "settings"
    assert loud(project="argument", settings=trialog.Settings(project="settings")).project == "argument"


def test_disabled_leaves_no_trace(capsys: Any) -> None:
    threads = set(threading.enumerate())
    run = trialog.init(project="p", mode="disabled", config={"a": 1})
    assert trialog.run is run
    for step in range(100):
        trialog.log({"a": step, "big": 10**5000, "odd": object()})
    run.summary["best"] = 1
    run.define_metric("a", summary="max")
    assert run.summary["a"] == {"max": 99}
    assert run.summary["best"] == 1
    assert (run.step, run.config.a, run.disabled, run.url) == (100, 1, True, None)
    assert run.name == f"dummy-{run.id}"
    assert not Path(run.dir).exists()
    with pytest.raises(trialog.UsageError):
        run.log([1])
    run.finish()
    assert trialog.run is None
    assert list(Path.cwd().iterdir()) == []
    assert set(threading.enumerate()) <= threads
    assert capsys.readouterr() == ("", "")


def test_names_are_for_people_and_numbered(offline: Offline) -> None:
    runs = [offline() for _ in range(3)]
    numbers = [NAME.fullmatch(run.name) for run in runs]
    assert [match and match[1] for match in numbers] == ["1", "2", "3"]
    assert all(re.fullmatch("[a-z0-9]{8}", run.id) for run in runs)
    assert len({run.id for run in runs}) == 3


def test_what_a_run_is_told_about_itself_is_kept(offline: Offline, stored: Callable[..., Any]) -> None:
    run = offline(
        name="my name",
        id="my id",
        group="g",
        job_type="train",
        tags=["x", "y"],
        notes="a longer\ntext",
        entity="team",
    )
    run.finish()
    found = stored(run)
    assert (found.name, found.id, found.group, found.job_type) == ("my name", "my id", "g", "train")
    assert (found.tags, found.notes, found.entity, found.project) == (
        ("x", "y"),
        "a longer\ntext",
        "team",
        "p",
    )
    assert found.path == "team/p/my id"
    assert found.metadata["pid"] == os.getpid()
    assert found.metadata["trialog"] == trialog.__version__
    assert time.time() - 60 < found.created_at <= time.time()


def test_the_run_directory(offline: Offline, wait_until: Callable[..., Any]) -> None:
    os.umask(0o022)
    run = offline(id="abc")
    folder = Path(run.dir).parent
    assert folder.parent == Path("trialog-runs").absolute()
    assert re.fullmatch(r"run-\d{8}_\d{6}-abc", folder.name)
    assert folder.parent.joinpath("latest-run").readlink() == Path(folder.name)
    run.log({"a": 1})
    run.finish()
    debug = folder / "debug.log"
    wait_until(lambda: debug.exists() and "log sealed" in debug.read_text(), "the last line of the debug file")
    assert sorted(path.name for path in Path(run.dir).iterdir()) == ["config.yaml", "metadata.json", "summary.json"]
    assert [p.name for p in folder.iterdir() if p.suffix == ".tlog"] == [next(folder.glob("*-000001.tlog")).name]
    for path in (folder.parent, folder, *folder.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_two_runs_of_one_id_in_one_second_get_two_directories(offline: Offline) -> None:
    folders = {Path(offline(id="abc").dir).parent for _ in range(3)}
    assert len(folders) == 3


def test_the_directory_is_fixed_at_init(offline: Offline, rows: Callable[..., Any], tmp_path: Path) -> None:
    run = offline()
    os.chdir(tmp_path)
    run.log({"a": 1})
    run.finish()
    assert rows(run) == {0: {"a": 1}}


def test_a_directory_that_cannot_be_written_costs_one_line(
    loud: Any, rows: Callable[..., Any], capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    Path("a file").write_text("x")
    run = loud(dir="a file")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "a file/trialog-runs cannot be written" in said[0]
    assert f"the run is kept in {Path(run.dir).parent}" in said[0]
    run.log({"a": 1})
    run.finish()
    assert Path(run.dir).is_relative_to(tmp_path / "temporary")
    assert rows(run) == {0: {"a": 1}}


def test_without_any_folder_the_training_goes_on_and_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a file").write_text("x")
    monkeypatch.setattr(tempfile, "tempdir", str(Path("a file").absolute()))
    run = trialog.init(dir="a file")
    run.log({"loss": 1.0})
    assert run.summary["loss"] == 1.0
    run.finish()
    assert run.disabled
    [line] = capsys.readouterr().err.splitlines()
    assert "no folder for the run" in line
    assert "not recorded" in line


def test_a_directory_removed_during_the_run_does_no_harm(offline: Offline) -> None:
    import shutil

    run = offline()
    run.log({"a": 1})
    assert run.summary["a"] == 1
    # The agent may put a file into a folder that is just being emptied.
    while Path("trialog-runs").exists():
        shutil.rmtree("trialog-runs", ignore_errors=True)
    run.log({"a": 2})
    assert run.summary["a"] == 2
    run.finish()


def test_the_active_run(offline: Offline, rows: Callable[..., Any]) -> None:
    assert trialog.run is None
    run = offline(config={"a": 1})
    assert trialog.run is run
    assert trialog.config is run.config
    trialog.log({"x": 1}, step=5, commit=True)
    trialog.log({"x": 2})
    trialog.define_metric("x", summary="min")
    assert trialog.summary["x"] == {"min": 1}
    trialog.finish()
    assert trialog.run is None
    assert rows(run) == {5: {"x": 1}, 6: {"x": 2}}
    trialog.finish()


@pytest.mark.parametrize("reinit", [None, "default", "return_previous", False])
def test_a_second_init_gives_the_active_run_again(reinit: Any, offline: Offline) -> None:
    run = offline()
    assert trialog.init(mode="offline", reinit=reinit) is run


@pytest.mark.parametrize("reinit", ["finish_previous", True])
def test_a_second_init_may_finish_the_first(reinit: Any, offline: Offline, stored: Callable[..., Any]) -> None:
    first = offline()
    second = offline(reinit=reinit)
    assert trialog.run is second is not first
    assert stored(first).state == "finished"


def test_an_unknown_reinit_is_refused() -> None:
    with pytest.raises(trialog.UsageError, match="reinit='new' is none of default, return_previous"):
        trialog.init(mode="offline", reinit="new")


def test_runs_beside_each_other_share_nothing(offline: Offline, rows: Callable[..., Any]) -> None:
    active = offline()
    others = [offline(reinit="create_new", config={"n": n}) for n in range(3)]
    assert trialog.run is active
    for n, run in enumerate(others):
        run.log({"n": n}, step=n)
        run.define_metric("n", "min" if n else "max")
    active.log({"a": 1})
    others[1].finish()
    assert trialog.run is active
    others[2].log({"n": 5})
    for run in (active, *others):
        run.finish()
    assert rows(active) == {0: {"a": 1}}
    assert [rows(run) for run in others] == [{0: {"n": 0}}, {1: {"n": 1}}, {2: {"n": 5}}]
    assert [run.config.n for run in others] == [0, 1, 2]


def test_a_with_block_finishes(offline: Offline, stored: Callable[..., Any]) -> None:
    with offline() as run:
        run.log({"a": 1})
    assert (stored(run).state, stored(run).exit_code) == ("finished", 0)
    with pytest.raises(ZeroDivisionError), offline() as run:
        run.log({"a": 1 / 0})
    assert (stored(run).state, stored(run).exit_code) == ("failed", 1)


@pytest.mark.parametrize(("code", "state"), [(0, "finished"), (None, "finished"), (1, "failed"), (-9, "failed")])
def test_the_exit_code_decides(code: Any, state: str, offline: Offline, stored: Callable[..., Any]) -> None:
    run = offline()
    run.finish(exit_code=code)
    run.finish(exit_code=7)
    assert (stored(run).state, stored(run).exit_code) == (state, code or 0)


@pytest.mark.parametrize("code", ["x", 1.5, [1]])
def test_an_exit_code_that_is_none_leaves_the_run_going(
    code: Any, offline: Offline, stored: Callable[..., Any]
) -> None:
    run = offline()
    with pytest.raises(trialog.UsageError, match="an exit code is an integer"):
        run.finish(code)
    run.log({"a": 1})
    run.finish()
    assert stored(run).state == "finished"
    assert len(list(stored(run).scan_history())) == 1


def test_a_run_says_what_it_is(offline: Offline) -> None:
    run = offline(id="abc", name="n")
    assert repr(run) == "<trialog run 'n' (abc) in project 'p'>"
    for name in ("id", "name", "project", "tags"):
        with pytest.raises(AttributeError):
            setattr(run, name, "x")


def test_any_thread_may_start_and_end_a_run(offline: Offline, rows: Callable[..., Any]) -> None:
    made: list[trialog.Run] = []
    thread = threading.Thread(target=lambda: made.append(offline()))
    thread.start()
    thread.join()
    made[0].log({"a": 1})
    thread = threading.Thread(target=made[0].finish)
    thread.start()
    thread.join()
    assert rows(made[0]) == {0: {"a": 1}}
