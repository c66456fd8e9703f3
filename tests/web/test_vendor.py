"""The page's libraries are what their makers published, and the page's files obey its own policy."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

import trialog.server

WEB = Path(trialog.server.__file__).parent / "web"
VENDOR = WEB / "vendor"
LIBRARIES: list[dict[str, Any]] = json.loads((VENDOR / "vendor.json").read_text())
OWN = [path for path in WEB.rglob("*") if path.is_file() and VENDOR not in path.parents]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library["name"])
def test_each_file_is_the_published_one_but_for_recorded_replacements(library: dict[str, Any]) -> None:
    assert {"name", "version", "licence", "integrity", "files"} == library.keys()
    assert library["integrity"].startswith("sha512-")
    assert any(file["path"].endswith("LICENSE") for file in library["files"])
    for file in library["files"]:
        here = (VENDOR / file["path"]).read_bytes()
        assert hashlib.sha256(here).hexdigest() == file.get("sha256_here", file["sha256"])
        for published, replaced in file.get("replaced", {}).items():
            here = here.replace(replaced.encode(), published.encode())
        assert hashlib.sha256(here).hexdigest() == file["sha256"]


def test_nothing_else_lies_among_them() -> None:
    recorded = {VENDOR / file["path"] for library in LIBRARIES for file in library["files"]}
    found = {path for path in VENDOR.rglob("*") if path.is_file()}
    assert found == recorded | {VENDOR / "vendor.json"}


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(WEB).as_posix())
def test_no_inline_code_and_no_other_host(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://(?!\$)|[\"'(`]//\w", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"|javascript:|innerHTML|\beval\(", text)
