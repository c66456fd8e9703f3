"""What the documents say is true: code runs, links lead somewhere, tables are current."""

from __future__ import annotations

import configparser
import importlib.util
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import trialog
from tests.source import ROOT

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


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_within_the_repository_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


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
    names = {re.split(r"[\[>=]", line)[0] for line in lines} - {"trialog"}
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert {name for name in names if f"| {name} |" not in page} == set()


def test_every_test_that_holds_a_difference_to_wandb_exists() -> None:
    page = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    for path in re.findall(r"`(tests/\S+\.py)`", page):
        assert (Path(__file__).parent.parent / path).exists(), path


def test_the_standalone_reader_reads_a_real_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with trialog.init(project="format", dir=tmp_path, settings={"silent": True}) as run:
        for step in range(300):
            run.log({"loss": step / 2, "note": "text"})
    [code] = blocks(ROOT / "docs" / "wal-format.md", "python")
    assert len(code.splitlines()) <= 55
    script = tmp_path / "reader.py"
    script.write_text(code, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["reader.py", str(Path(run.dir).parent)])
        runpy.run_path(str(script), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 300
    assert lines[7].split()[0] == "7"
    assert lines[7].endswith("{'loss': 3.5, 'note': 'text'}")
