"""
What every test gets: a clean environment of its own, and a few ways to drive trialog from outside.

A skipped test proves nothing, so with ``CI=true`` in the environment one skip fails the whole session.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import trialog
from trialog import _session

REAL_HOME = Path.home()
WAIT_S = 20.0

_skipped: list[str] = []


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings from outside, home and working directory in the test's folder, no run left behind."""
    for name in list(os.environ):
        if name.upper().startswith(("TRIALOG_", "WANDB_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    _keep_tools_working(monkeypatch)
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TRIALOG_CONFIG_DIR", str(home / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(work)
    yield
    _session._session.finish_all()
    _session._session.active = None


def _keep_tools_working(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed browsers and pip's configuration lie in the real home; tests that need them still find them."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or REAL_HOME / ".cache")
    for variable, path in (
        ("PLAYWRIGHT_BROWSERS_PATH", cache / "ms-playwright"),
        ("PIP_CONFIG_FILE", REAL_HOME / ".config" / "pip" / "pip.conf"),
    ):
        if variable not in os.environ and path.exists():
            monkeypatch.setenv(variable, str(path))


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    """Return a function that waits until ``condition()`` is true and returns what it returned."""

    def wait(condition: Callable[[], Any], what: str = "", seconds: float = WAIT_S) -> Any:
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < deadline, f"did not happen within {seconds} s: {what or condition}"
            time.sleep(0.005)
        return result

    return wait


@pytest.fixture
def offline() -> Callable[..., trialog.Run]:
    """Return a function that starts an offline run without statistics and output."""

    def start(settings: dict[str, Any] | None = None, **arguments: Any) -> trialog.Run:
        quiet = {"silent": True, "disable_stats": True, **(settings or {})}
        return trialog.init(
            **{"project": "p", "mode": "offline", "reinit": "finish_previous", **arguments}, settings=quiet
        )

    return start


@pytest.fixture
def stored() -> Callable[[trialog.Run], trialog._reader.StoredRun]:
    """Return a function that reads a run back from its folder with the public reader."""

    def read(run: trialog.Run) -> Any:
        return trialog.Api(path=Path(run.dir).parent).run(run.id)

    return read


@pytest.fixture
def rows(stored: Callable[[trialog.Run], Any]) -> Callable[[trialog.Run], dict[int, dict[str, Any]]]:
    """Return a function that gives a run's stored rows by step, without the stamps."""

    def read(run: trialog.Run) -> dict[int, dict[str, Any]]:
        stamps = ("_step", "_timestamp", "_runtime")
        return {
            row["_step"]: {key: value for key, value in row.items() if key not in stamps}
            for row in stored(run).scan_history()
        }

    return read


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a text as a script in a process of its own, warnings being errors."""

    def run(text: str, *arguments: str, timeout: float = 60.0, **environment: str) -> Any:
        path = tmp_path / "user_script.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-W", "error", str(path), *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


def _ci() -> bool:
    return os.environ.get("CI", "").lower() == "true"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember skips of tests."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember skips of whole modules."""
    if report.skipped:
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a CI session in which something was skipped."""
    if _skipped and _ci() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was skipped."""
    if _skipped and _ci():
        terminalreporter.section("skipped tests fail a CI session", red=True, bold=True)
        for name in _skipped:
            terminalreporter.line(name)
