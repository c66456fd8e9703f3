"""Api(path=...): runs read back from their folders."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trialog

Offline = Callable[..., trialog.Run]


@pytest.fixture
def run(offline: Offline) -> trialog.Run:
    """Return a finished run of 10 rows, of which every second has ``b``."""
    made = offline(id="r1", name="n", config={"lr": 0.1})
    for step in range(10):
        made.log({"a": step, **({"b": -step} if step % 2 else {})}, step=step * 10)
    made.finish()
    return made


@pytest.mark.parametrize("where", ["dir", "trialog-runs", "run", "text"])
def test_a_path_may_mean_three_things(where: str, run: trialog.Run) -> None:
    folder = Path(run.dir).parent
    path: Any = {"dir": folder.parent.parent, "trialog-runs": folder.parent, "run": folder, "text": "."}[where]
    (found,) = trialog.Api(path=path).runs()
    assert (found.id, found.name, found.project, found.state) == ("r1", "n", "p", "finished")
    assert found.config == {"lr": 0.1}
    assert found.summary["a"] == 9
    assert found.damage == ()


def test_a_path_that_is_no_folder_is_refused() -> None:
    with pytest.raises(trialog.UsageError, match="missing is no folder; give the dir passed to init"):
        trialog.Api(path="missing")


def test_an_empty_folder_has_no_runs() -> None:
    assert trialog.Api(path=".").runs() == []


def test_without_path_and_server_it_says_what_to_do() -> None:
    with pytest.raises(trialog.UsageError, match=r"no server is known.*Api\(path='trialog-runs'\)"):
        trialog.Api()


@pytest.mark.parametrize("path", ["r1", "p/r1", "/p/r1/", "anyone/p/r1", "anyone/p/runs/r1"])
def test_a_run_is_found_by_its_path(path: str, run: trialog.Run) -> None:
    assert trialog.Api(path=".").run(path).id == "r1"


@pytest.mark.parametrize(
    ("path", "message"),
    [("r2", "no run 'r2'"), ("q/r1", "no run"), ("", "no path of a run"), ("a/b/c/d/e", "no path of a run")],
)
def test_a_run_that_is_not_there(path: str, message: str, run: trialog.Run) -> None:
    with pytest.raises(trialog.UsageError, match=message):
        trialog.Api(path=".").run(path)


def test_runs_come_newest_first_and_by_project(offline: Offline) -> None:
    for number, project in enumerate(["p", "q", "p"]):
        offline(id=f"z{9 - number}", project=project).finish()
    api = trialog.Api(path=".")
    assert [run.id for run in api.runs()] == ["z7", "z8", "z9"]
    assert [run.id for run in api.runs("p")] == ["z7", "z9"]
    assert [run.id for run in api.runs("anyone/q")] == ["z8"]
    with pytest.raises(trialog.UsageError, match="no path of a project"):
        api.runs("a/b/c")


def test_one_id_in_two_projects_is_two_runs(offline: Offline) -> None:
    for project in ("p", "q"):
        with offline(id="baseline", project=project) as run:
            run.log({project: 1})
    api = trialog.Api(path=".")
    assert len(api.runs()) == 2
    assert "p" in api.run("p/baseline").summary
    assert "q" in api.run("q/baseline").summary


def test_the_same_id_again_shows_the_later_attempt(offline: Offline) -> None:
    for value in (1, 2):
        with offline(id="r", config={f"only{value}": 1}) as run:
            run.log({"a": value, f"only{value}": 1})
    (found,) = trialog.Api(path=".").runs()
    assert [row["a"] for row in found.scan_history()] == [2]
    assert found.config == {"only2": 1}
    assert "only1" not in found.summary


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ({}, list(range(0, 100, 10))),
        ({"keys": ["a"]}, list(range(0, 100, 10))),
        ({"keys": ["a", "b"]}, [10, 30, 50, 70, 90]),
        ({"keys": ["zz"]}, []),
        ({"min_step": 30}, [30, 40, 50, 60, 70, 80, 90]),
        ({"min_step": 35, "max_step": 60}, [40, 50]),
        ({"max_step": 0}, []),
        ({"keys": ["b"], "min_step": 50}, [50, 70, 90]),
    ],
)
def test_scanning(arguments: dict[str, Any], steps: list[int], run: trialog.Run) -> None:
    found = list(trialog.Api(path=".").run("r1").scan_history(**arguments))
    assert [row["_step"] for row in found] == steps
    keys = arguments.get("keys")
    for row in found:
        assert row.get("a", row["_step"] // 10) == row["_step"] // 10
        assert set(row) == ({"_step", *keys} if keys else set(row))
        assert keys or {"_step", "_timestamp", "_runtime", "a"} <= set(row)


@pytest.mark.parametrize("keys", ["a", [1], [None]])
def test_keys_are_a_list_of_names(keys: Any, run: trialog.Run) -> None:
    with pytest.raises(trialog.UsageError, match="keys is a list of names"):
        list(trialog.Api(path=".").run("r1").scan_history(keys=keys))


@pytest.mark.parametrize(
    ("samples", "steps"),
    [(None, list(range(0, 100, 10))), (100, list(range(0, 100, 10))), (4, [0, 30, 60, 90]), (2, [0, 90]), (1, [0])],
)
def test_samples(samples: int | None, steps: list[int], run: trialog.Run) -> None:
    found = trialog.Api(path=".").run("r1").history(samples=samples, pandas=False)
    assert [row["_step"] for row in found] == steps


def test_history_without_pandas_is_a_list(run: trialog.Run) -> None:
    found = trialog.Api(path=".").run("r1")
    assert isinstance(found.history(pandas=False), list)
    assert found.history(stream="system", pandas=False) == []
    with pytest.raises(trialog.UsageError, match="neither 'default' nor 'system'"):
        found.history(stream="events")


def test_history_with_pandas_is_a_frame(run: trialog.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    stub = types.ModuleType("pandas")
    stub.DataFrame = lambda rows: ("frame", rows)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", stub)
    kind, rows = trialog.Api(path=".").run("r1").history(samples=2, pandas=True)
    assert kind == "frame"
    assert len(rows) == 2


def test_a_run_grows_while_it_is_read(offline: Offline) -> None:
    run = offline()
    api = trialog.Api(path=".")
    for step in range(5):
        run.log({"a": step})
        assert run.summary["a"] == step
        found = api.run(run.id)
        assert [row["a"] for row in found.scan_history()] == list(range(step + 1))
        assert found.state == "running"
        assert found.exit_code is None
    run.finish()
    assert api.run(run.id).state == "finished"


def test_a_process_that_is_gone_has_crashed(script: Callable[..., Any]) -> None:
    done = script(
        """
        import os, trialog
        run = trialog.init(id="r1", mode="offline", settings={"silent": True})
        run.log({"a": 1})
        run.summary["a"]
        os._exit(3)
        """
    )
    assert done.returncode == 3
    found = trialog.Api(path=".").run("r1")
    assert (found.state, found.exit_code) == ("crashed", None)
    assert len(list(found.scan_history())) == 1


def test_damage_is_told_and_the_rest_read(run: trialog.Run) -> None:
    (path,) = Path(run.dir).parent.glob("*.tlog")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = trialog.Api(path=".").runs()[0]
    assert found.damage
    assert path.name in found.damage[0]


def test_a_folder_without_any_readable_record_shows_its_damage(run: trialog.Run) -> None:
    folder = Path(run.dir).parent
    next(folder.glob("*.tlog")).write_bytes(b"x" * 100)
    (found,) = trialog.Api(path=".").runs()
    assert found.id == folder.name
    assert "no trialog write-ahead log" in found.damage[0]


def test_other_files_and_folders_do_not_disturb(run: trialog.Run) -> None:
    folder = Path(run.dir).parent
    (folder / "notes.txt").write_text("x")
    (folder.parent / "empty").mkdir()
    (folder.parent / "file").write_text("x")
    (folder.parent / "dangling").symlink_to("nowhere")
    assert [found.id for found in trialog.Api(path=".").runs()] == ["r1"]


def test_a_run_of_another_process_is_read_while_it_writes() -> None:
    program = (
        "import sys, trialog\n"
        "run = trialog.init(id='r1', mode='offline', settings={'silent': True})\n"
        "for line in sys.stdin:\n"
        "    run.log({'a': int(line)})\n"
        "    run.summary['a']\n"
        "    print('logged', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "logged\n"
            found = trialog.Api(path=".").run("r1")
            assert [row["a"] for row in found.scan_history()] == list(range(number + 1))
            assert found.state == "running"
        process.stdin.close()
        assert process.wait(30) == 0
    assert trialog.Api(path=".").run("r1").state == "finished"
