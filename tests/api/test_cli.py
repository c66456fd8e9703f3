"""The command line, as a person uses it: exit codes and what is said. (What sync sends: tests/agent/test_sync.py.)"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trialog
from trialog.cli import COMMANDS, main

Offline = Callable[..., trialog.Run]


def call(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(arguments)
    except SystemExit as leave:
        code = int(leave.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_version(capsys: Any) -> None:
    assert call(capsys, "--version") == (0, f"trialog {trialog.__version__}\n", "")


def test_help_names_every_command(capsys: Any) -> None:
    code, out, _ = call(capsys, "--help")
    assert code == 0
    for name in COMMANDS:
        assert f"\n    {name} " in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: Any) -> None:
    code, out, _ = call(capsys, name, "--help")
    assert code == 0
    assert out.startswith(f"usage: trialog {name}")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["sync"], ["ui", "--port", "x"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: Any) -> None:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: trialog")


def test_help_loads_neither_server_nor_agent() -> None:
    program = (
        "import sys, contextlib\nfrom trialog.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--version'])\n"
        "print([n for n in sys.modules if n.startswith(('trialog.server', 'trialog.agent', 'aiohttp', 'sqlalchemy'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_sync_of_a_missing_folder(capsys: Any) -> None:
    assert call(capsys, "sync", "missing") == (1, "", "trialog: missing is no folder\n")


def test_sync_of_an_empty_folder(capsys: Any) -> None:
    Path("empty").mkdir()
    assert call(capsys, "sync", "empty") == (1, "", "trialog: no runs in empty\n")


def test_sync_without_a_server(offline: Offline, capsys: Any) -> None:
    offline(name="n").finish()
    code, out, err = call(capsys, "sync", "trialog-runs")
    assert code == 1
    assert "n (p): not complete: no server is known: give --server URL" in out
    assert "everything is still in trialog-runs/run-" in out
    assert out.endswith("0 of 1 run complete\n")
    assert err == ""


def test_sync_without_a_key(offline: Offline, capsys: Any) -> None:
    offline().finish()
    code, out, _ = call(capsys, "sync", "trialog-runs", "--server", "http://127.0.0.1:9")
    assert code == 1
    assert "no API key for http://127.0.0.1:9; run `trialog login http://127.0.0.1:9`" in out


def test_sync_to_something_that_is_no_address(offline: Offline, capsys: Any) -> None:
    offline().finish()
    code, _, err = call(capsys, "sync", "trialog-runs", "--server", "nonsense")
    assert code == 1
    assert "is not a server address" in err


def test_login_without_an_address(capsys: Any) -> None:
    code, _, err = call(capsys, "login")
    assert code == 1
    assert "which server?" in err


def test_login_to_a_dead_server_stores_nothing(capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("tl_key\n"))
    code, _, err = call(capsys, "login", "http://127.0.0.1:9")
    assert code == 1
    assert "http://127.0.0.1:9 cannot be read" in err
    assert not list((tmp_path / "home").rglob("*.json"))


def test_ui_of_a_missing_folder(capsys: Any) -> None:
    code, _, err = call(capsys, "ui", "missing")
    assert code == 1
    assert "missing is no folder" in err


def test_python_m_trialog_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "trialog", "sync", "missing"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "trialog: missing is no folder\n")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m trialog --help | head -1; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
