"""A skipped test proves nothing: the CI session in which one was skipped fails and names it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent / "conftest.py"

TESTS = {
    "test_one.py": "import pytest\n\ndef test_a():\n    pytest.skip('no browser')\n\ndef test_b():\n    pass\n",
    "test_module.py": "import pytest\n\npytest.importorskip('no_such_module')\n",
    "test_xfail.py": "import pytest\n\n@pytest.mark.xfail\ndef test_c():\n    assert False\n",
}


@pytest.mark.parametrize(
    ("names", "ci", "code"),
    [
        (["test_one.py"], "true", 1),
        (["test_module.py", "test_xfail.py"], "true", 1),
        (["test_xfail.py"], "true", 0),
        (["test_one.py"], "", 0),
    ],
)
def test_a_skip_fails_a_ci_session(names: list[str], ci: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    for name in names:
        (tmp_path / name).write_text(TESTS[name], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        env={**os.environ, "CI": ci},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    if code:
        assert "skipped tests fail a CI session" in done.stdout
        assert names[0] in done.stdout
