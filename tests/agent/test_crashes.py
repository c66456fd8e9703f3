"""Processes that end in other ways than by finish(): killed, out of disk, with an exception, forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trialog

WINDOW_S = 0.1

TRAINING = """
    import sys, time
    import trialog
    run = trialog.init(project="p", mode="offline", settings={"silent": True})
    pause = float(sys.argv[1])
    step = 0
    while True:
        run.log({"i": step})
        sys.stdout.write(f"{step} {time.monotonic()}\\n")
        sys.stdout.flush()
        step += 1
        time.sleep(pause)
"""


@pytest.mark.crash
@pytest.mark.parametrize(
    ("pause_s", "lines"), [(0.0, 1), (0.0, 500), (0.0, 4000), (0.0005, 300), (0.01, 40), (0.15, 4)]
)
def test_a_killed_process_keeps_every_row_older_than_a_tenth_of_a_second(
    pause_s: float, lines: int, tmp_path: Path
) -> None:
    path = tmp_path / "training.py"
    path.write_text(textwrap.dedent(TRAINING))
    with subprocess.Popen([sys.executable, str(path), str(pause_s)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        killed_at = time.monotonic()
        said += process.stdout.readlines()
    logged = {
        int(step): float(at) for step, at in (line.split() for line in said if line.endswith("\n") and " " in line)
    }
    owed = {step for step, at in logged.items() if at < killed_at - WINDOW_S}
    if not list(Path("trialog-runs").glob("run-*/*.tlog")):
        assert not owed
        return
    (run,) = trialog.Api(path=Path.cwd()).runs()
    kept = {row["_step"]: row["i"] for row in run.scan_history()}
    assert owed <= kept.keys()
    assert kept == {step: step for step in range(len(kept))}
    assert run.damage == ()
    assert run.state == "crashed" or not kept


@pytest.mark.crash
def test_rows_of_a_full_disk_are_counted_as_lost_not_claimed_as_kept(script: Callable[..., Any]) -> None:
    """RLIMIT_FSIZE gives short writes and then EFBIG, as a full disk does."""
    done = script(
        """
        import resource, signal, trialog
        from trialog.agent import agent
        agent.DISK_TIMEOUT_S = 1.0
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        run = trialog.init(project="p", mode="offline", settings={"disable_stats": True})
        run.log({"i": 0})
        run.summary["i"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        for step in range(1, 5000):
            run.log({"i": step}, step=step)
        run.finish()
        """
    )
    assert done.returncode == 0, done.stderr
    (run,) = trialog.Api(path=Path.cwd()).runs()
    kept = len(list(run.scan_history()))
    assert 1 < kept < 5000
    assert done.stderr.count("the log cannot be written") == 1
    assert f"{5000 - kept:,} calls did not reach the disk" in done.stderr
    assert f"{kept:,} rows" in done.stderr


def test_an_uncaught_exception_marks_the_run_failed_and_shows_the_traceback(script: Callable[..., Any]) -> None:
    done = script(
        """
        import trialog
        trialog.init(project="p", mode="offline")
        trialog.log({"a": 1})
        raise RuntimeError("out of luck")
        """
    )
    assert done.returncode == 1
    assert "RuntimeError: out of luck" in done.stderr
    assert "failed (exit code 1)" in done.stderr
    (run,) = trialog.Api(path=Path.cwd()).runs()
    assert (run.state, run.exit_code) == ("failed", 1)
    assert len(list(run.scan_history())) == 1


def test_a_script_that_just_ends_is_finished(script: Callable[..., Any]) -> None:
    done = script(
        """
        import trialog
        run = trialog.init(project="p", mode="offline")
        other = trialog.init(project="p", mode="offline", reinit="create_new")
        for step in range(1000):
            trialog.log({"a": step})
            other.log({"b": step})
        """
    )
    assert done.returncode == 0, done.stderr
    runs = trialog.Api(path=Path.cwd()).runs()
    assert [run.state for run in runs] == ["finished", "finished"]
    assert [len(list(run.scan_history())) for run in runs] == [1000, 1000]


def test_a_script_that_just_ends_uploads_its_end(script: Callable[..., Any], server: Any) -> None:
    """At interpreter exit the network still works; the server is reached by name, which needs a thread."""
    server.start()
    done = script(
        """
        import trialog
        trialog.init(project="p")
        for step in range(100):
            trialog.log({"i": step})
        """,
        TRIALOG_BASE_URL=server.base_url.replace("127.0.0.1", "localhost"),
        TRIALOG_API_KEY="tl_" + "k" * 43,
    )
    assert done.returncode == 0, done.stderr
    assert "100 rows, all on the server" in done.stderr
    assert server.rows() == {step: {"i": step} for step in range(100)}


def test_a_thread_that_outlives_the_main_one_may_log(script: Callable[..., Any]) -> None:
    done = script(
        """
        import threading, time, trialog
        trialog.init(project="p", mode="offline", settings={"silent": True})
        def train():
            for step in range(50):
                try:
                    trialog.log({"a": step})
                except trialog.UsageError:
                    return
                time.sleep(0.002)
        threading.Thread(target=train).start()
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_users_excepthook_is_still_called(script: Callable[..., Any]) -> None:
    done = script(
        """
        import sys, trialog
        sys.excepthook = lambda kind, error, trace: print("mine:", error)
        trialog.init(project="p", mode="offline", settings={"silent": True})
        raise ValueError("x")
        """
    )
    assert done.stdout == "mine: x\n"
    assert trialog.Api(path=Path.cwd()).runs()[0].state == "failed"


def test_ctrl_c_ends_the_script_as_python_does(script: Callable[..., Any]) -> None:
    done = script(
        """
        import os, signal, trialog
        trialog.init(project="p", mode="offline", settings={"silent": True})
        trialog.log({"a": 1})
        os.kill(os.getpid(), signal.SIGINT)
        """
    )
    assert "KeyboardInterrupt" in done.stderr
    assert done.returncode in (-signal.SIGINT, 130)
    (run,) = trialog.Api(path=Path.cwd()).runs()
    assert run.state == "failed"


FORKING = """
    import gc, os, sys, time, warnings
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # fork beside threads, Python 3.12 and up
    import trialog
    run = trialog.init(project="p", settings={"finish_timeout": 30})
    for step in range(50):
        run.log({"i": step}, step=step)
    len(run.summary)
    children = []
    for child in range(4):
        pid = os.fork()
        if pid == 0:
            run.log({"child": child}, step=1000 + child)
            trialog.log({"child": child})
            run.config.update({"child": child})
            run.summary["child"] = child
            if child % 2:
                run.finish()
            trialog.finish()
            if child == 3:
                with trialog.init(project="children", mode="offline", id="mine") as own:
                    own.log({"a": 1})
            del run
            gc.collect()
            sys.exit(0)
        children.append(pid)
    for step in range(50, 100):
        run.log({"i": step}, step=step)
        time.sleep(0.005)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0, "a child failed"
    for step in range(100, 150):
        run.log({"i": step}, step=step)
    print("parent done", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_children_go_their_way_and_the_parents_run_is_complete(script: Callable[..., Any], server: Any) -> None:
    server.start()
    done = script(FORKING, TRIALOG_BASE_URL=server.base_url, TRIALOG_API_KEY="tl_" + "k" * 43)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "parent done\n"
    assert server.rows() == {step: {"i": step} for step in range(150)}
    runs = {run.project: run for run in trialog.Api(path=Path.cwd()).runs()}
    assert runs["p"].state == "finished"
    assert "child" not in runs["p"].config
    assert "child" not in runs["p"].summary
    assert runs["children"].state == "finished"
    said = done.stderr.splitlines()
    assert sum("in project p" in line for line in said) == 1
    assert sum(" finished after " in line for line in said) == 2, done.stderr


def test_worker_processes_of_multiprocessing_do_not_hang(script: Callable[..., Any]) -> None:
    done = script(
        """
        import multiprocessing, warnings
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        import trialog
        def work(n):
            trialog.log({"n": n})
            return n * n
        if __name__ == "__main__":
            run = trialog.init(project="p", mode="offline", settings={"silent": True})
            with multiprocessing.get_context("fork").Pool(3) as pool:
                assert pool.map(work, range(20)) == [n * n for n in range(20)]
            run.log({"done": 1})
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (run,) = trialog.Api(path=Path.cwd()).runs()
    assert [row["done"] for row in run.scan_history()] == [1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no limits on file sizes on this system")
def test_when_no_log_can_be_opened_the_training_goes_on_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    code = """
import resource, trialog
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
run = trialog.init(project="x")
for step in range(10):
    run.log({"loss": step})
run.finish()
print("trained")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr
    assert "logging stopped" in done.stderr
    assert "10 calls did not reach the disk in time and are lost" in done.stderr
    assert "Traceback" not in done.stderr


def test_rows_reach_the_file_while_the_device_takes_its_time_to_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., Any]
) -> None:
    syncing, released = threading.Event(), threading.Event()
    run = trialog.init(project="x", settings={"disable_stats": True, "silent": True})

    def sync(descriptor: int) -> None:
        syncing.set()
        released.wait(30)

    monkeypatch.setattr(os, "fdatasync", sync, raising=False)
    try:
        run.log({"loss": 0})
        assert syncing.wait(20)
        run.log({"loss": 1})

        def rows() -> int:
            return len(list(trialog.Api(path=".").run(run.id).scan_history()))

        wait_until(lambda: rows() == 2)
        assert not released.is_set()
    finally:
        released.set()
    run.finish()
