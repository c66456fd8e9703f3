"""The types of the public names, as a user's checker sees them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import trialog
import trialog.agent

HERE = Path(__file__).parent

MISUSE = """
import trialog
run = trialog.init(proyect="p")
run = trialog.init(tags=5)
run.log([1, 2])
run.log({"a": 1}, step="3")
run.define_metric(5)
run.id = "x"
run.nonsense()
trialog.nonsense()
number: int = run.name
"""


def check(path: Path, work: Path) -> tuple[int, str]:
    """Run mypy over one file; the package is laid out for it, for it does not look through an editable install."""
    package = work / "packages" / "trialog"
    if not package.exists():
        ignore = shutil.ignore_patterns("__pycache__", "agent", "server")
        shutil.copytree(Path(str(trialog.__file__)).parent, package, ignore=ignore)
        shutil.copytree(Path(str(trialog.agent.__file__)).parent, package / "agent", ignore=ignore)
    options = ["--strict", "--follow-imports=silent", "--no-error-summary", "--cache-dir", str(work / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(path)],
        env={**os.environ, "MYPYPATH": str(package.parent)},
        cwd=work,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_user_code_is_checked_as_it_should_be(tmp_path: Path) -> None:
    """Good code passes in strict mode; in bad code every line but the import is an error."""
    assert check(HERE / "api.py", tmp_path) == (0, "")
    wrong = tmp_path / "wrong.py"
    wrong.write_text(MISUSE, encoding="utf-8")
    _, said = check(wrong, tmp_path)
    lines = {int(number) for number in re.findall(r"wrong\.py:(\d+): error", said)}
    assert lines == set(range(3, 12)), said
