"""
What the documents say is true: code runs, links lead somewhere, tables are current.

A ``python`` block is a script that runs by itself in an empty folder. A ``bash`` block is typed as it stands; only
``pip install`` is left to ``.ci/run``, which takes those lines from the README. A block that is neither is indented.
"""

from __future__ import annotations

import configparser
import importlib.util
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import trialog
from tests.e2e.comparison import points
from tests.server_process import running_server
from tests.source import ROOT
from trialog._credentials import read_credential
from trialog._frames import FrameType
from trialog._records import Kind
from trialog.server.routes import ROUTES

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


RUNNABLE = [
    pytest.param(block, id=f"{path.name}-{number}")
    for path in (ROOT / "README.md", ROOT / "docs" / "quickstart.md")
    for number, block in enumerate(blocks(path, "python"), 1)
]


@pytest.mark.parametrize("code", RUNNABLE)
def test_the_code_runs_as_printed(code: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(trialog.Api(path=tmp_path).runs()) >= 1


class Reader:
    """Somebody who follows a page from top to bottom in one terminal."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._exports: list[str] = []
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path}

    def follow(self, page: Path) -> None:
        found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        assert {language for language, _ in found} <= {"python", "bash"}
        for language, block in found:
            if language == "python":
                Path("train.py").write_text(block, encoding="utf-8")
                self._type("python train.py")
            for line in block.splitlines() if language == "bash" else ():
                self._read(line.replace("http://127.0.0.1:8642", self._base_url))

    def _read(self, line: str) -> None:
        words = shlex.split(line, comments=True)
        if words[0] == "export":
            self._exports.append(line)
        elif words[:2] == ["trialog", "ui"]:
            self._look(shlex.join(words))
        elif words[:2] != ["pip", "install"] and words[:2] != ["trialog", "server"]:
            self._type(line)

    def _type(self, line: str) -> None:
        command = "\n".join((*self._exports, line))
        done = subprocess.run(["bash", "-c", command], env=self._environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    def _look(self, line: str) -> None:
        """Start what serves until Ctrl-C, read its address, stop it."""
        with subprocess.Popen(
            ["bash", "-c", f"exec {line} --no-browser"], env=self._environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            said = _until(iter(process.stdout.readline, ""), "Ctrl-C")
            process.terminate()
        assert re.search(r"http://127\.0\.0\.1:\d+", said), said
        assert process.returncode == 0


def _until(lines: Iterator[str], word: str) -> str:
    said = ""
    for line in lines:
        said += line
        if word in line:
            break
    return said


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_a_page_can_be_followed_from_top_to_bottom(page: str, tmp_path: Path) -> None:
    """Its server is started before, on a port of its own; at the end every run on this disk is on it, whole."""
    with running_server(tmp_path / "data", config_dir=tmp_path / "home" / "config") as server:
        Reader(server.base_url).follow(ROOT / page)
        stored = read_credential(server.base_url)
        assert stored is not None
        kept = points(trialog.Api(path=Path.cwd()).runs())
        sent = points(trialog.Api(base_url=server.base_url, api_key=stored.api_key).runs())
    assert len(kept) >= 2
    assert sent == kept


def test_commands_that_serve_are_named_as_they_are() -> None:
    """The walk above starts its own server and leaves this line out, so it is looked at here."""
    for page in ("README.md", "docs/quickstart.md"):
        lines = [line for block in blocks(ROOT / page, "bash") for line in block.splitlines()]
        assert "trialog server --data ~/trialog-data" in {line.partition("#")[0].rstrip() for line in lines}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_runs(path: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    runs = trialog.Api(path=tmp_path).runs("examples")
    assert runs
    assert all(run.state == "finished" for run in runs)


def test_the_readme_has_its_two_commands_as_blocks_of_their_own() -> None:
    found = [block.strip() for block in blocks(ROOT / "README.md", "bash")]
    assert "pip install '.[demo]' && trialog demo" in found
    assert "pip install -e '.[dev]' && pytest" in found


def test_ci_takes_the_two_commands_from_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in ("pip install '.[demo]' && trialog demo", "pip install -e '.[dev]' && pytest"):
        assert f'readme_command "{command}"' in script


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_within_the_repository_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_file_that_a_page_names_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"(?<![\w/.-])(?:api|agent|server|tests|benchmarks|docs)/[\w/.-]+\.\w+", text):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("path", [*PAGES, ROOT / "setup.cfg"], ids=lambda path: path.name)
def test_nothing_is_promised_without_its_limits(path: Path) -> None:
    assert not re.search(r"(never|without) los|no data loss|zero loss", path.read_text(encoding="utf-8"), re.IGNORECASE)


def test_the_page_of_the_http_api_names_every_route() -> None:
    page = (ROOT / "docs" / "http-api.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    for route in ROUTES:
        path = route.path.removeprefix("/api/v1")
        if path != route.path:
            assert [row for row in rows if route.method in row and re.search(f" {re.escape(path)}[`?]", row)], route


def test_the_page_of_settings_is_current() -> None:
    spec = importlib.util.spec_from_file_location("make_settings", ROOT / "docs" / "make_settings.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == module.settings_page()


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == trialog.__version__


def test_every_requirement_is_argued_for() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split()
    for extra in config["options.extras_require"].values():
        lines += extra.split()
    [building] = re.findall(r"requires = \[(.*)\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines += [part.strip(' "') for part in building.split(",")]
    vendored = json.loads((ROOT / "server" / "web" / "vendor" / "vendor.json").read_text(encoding="utf-8"))
    names = {re.split(r"[\[>=]", line)[0] for line in lines} - {"trialog"} | {part["name"] for part in vendored}
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    argued = {name for row in re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE) for name in row.split(", ")}
    assert argued - {"package", "library"} == names


def test_every_difference_to_wandb_is_held_by_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 10
    for row in rows:
        found = re.search(r"`(tests/\S+\.py)::(\w+)` \|$", row)
        assert found, row
        assert re.search(
            rf"^(?:async )?def {found[2]}\(", (ROOT / found[1]).read_text(encoding="utf-8"), re.MULTILINE
        ), row


def test_the_page_of_the_log_names_every_kind_and_type() -> None:
    page = (ROOT / "docs" / "wal-format.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for kind in Kind:
        assert [row for row in rows if re.match(rf"\| {int(kind)} \| {kind.name}\b", row)], kind
    for frame_type in FrameType:
        assert f"{int(frame_type)} {frame_type.name}" in page, frame_type


def read_with_the_printed_reader(folder: Path, run: trialog.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the code of the page about the log on a run directory; what it prints goes to standard output."""
    [code] = blocks(ROOT / "docs" / "wal-format.md", "python")
    assert len(code.splitlines()) <= 55
    script = folder / "reader.py"
    script.write_text(code, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["reader.py", str(Path(run.dir).parent)])
    runpy.run_path(str(script), run_name="__main__")


def test_the_standalone_reader_reads_a_damaged_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trialog.init(project="format", dir=tmp_path, settings={"silent": True, "disable_stats": True})
    for step in range(20):
        run.log({"loss": step})
        len(run.summary)  # each row in a frame of its own
    run.finish()
    [path] = Path(run.dir).parent.glob("*.tlog")
    data = bytearray(path.read_bytes())
    starts = [found.start() for found in re.finditer(b"TLF1", data)]
    data[starts[10] + 30] ^= 1
    path.write_bytes(data[: starts[15] + 30])
    path.with_name(f"{path.name[:17]}000002.tlog").touch()

    read_with_the_printed_reader(tmp_path, run, monkeypatch)

    steps = [int(line.split()[0]) for line in capsys.readouterr().out.splitlines()]
    kept = trialog.Api(path=Path(run.dir).parent).run(run.id)
    assert steps == [row["_step"] for row in kept.scan_history()]
    assert len(steps) == 13


def test_the_standalone_reader_reads_a_real_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with trialog.init(project="format", dir=tmp_path, settings={"silent": True}) as run:
        for step in range(300):
            run.log({"loss": step / 2, "note": "text"})
    read_with_the_printed_reader(tmp_path, run, monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 300
    assert lines[7].split()[0] == "7"
    assert lines[7].endswith("{'loss': 3.5, 'note': 'text'}")
