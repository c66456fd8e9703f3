"""Where the repository is, for tests that read its files; set when the tests run against an installed wheel."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(os.environ.get("TRIALOG_SOURCE_ROOT") or Path(__file__).parent.parent)
PACKAGES = {"trialog": ROOT / "api", "trialog.agent": ROOT / "agent", "trialog.server": ROOT / "server"}


def modules() -> dict[str, Path]:
    """Return every module of the three packages by its import name."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join((package, *parts))] = path
    return found
