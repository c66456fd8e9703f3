from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.server.live_server import PAGE
from trialog.server import assets
from trialog.server.assets import Assets


async def test_files_may_be_kept_for_ever_and_modules_find_their_neighbours(server: Any) -> None:
    base = f"{server.base_url}/static/{server.parts.assets.version}"
    for name, content_type in (("main.js", "text/javascript"), ("lib/other.js", "text/javascript")):
        async with server.http.get(f"{base}/{name}") as response:
            assert response.status == 200
            assert response.content_type == content_type
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert await response.read() == (PAGE / name).read_bytes()


async def test_the_page_itself_is_asked_for_each_time(server: Any) -> None:
    async with server.http.get(f"{server.base_url}/") as response:
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.content_type == "text/html"


async def test_another_version_of_the_files_is_not_there(server: Any) -> None:
    assert (await server.request("GET", "/static/0123456789abcdef/main.js", key=None))[0] == 404


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(assets, "_LOOK_AGAIN_S", 0.0)
    shutil.copytree(PAGE, tmp_path / "server" / "web")
    return tmp_path


def test_in_a_checkout_a_changed_file_gives_the_page_a_new_version(checkout: Path) -> None:
    (checkout / ".git").mkdir()
    found = Assets(checkout / "server" / "web")
    before = found.version
    (checkout / "server" / "web" / "main.js").write_text("changed")
    page = found.index()
    assert found.version != before
    assert page is not None and found.version.encode() in page.body
    asset = found.find(found.version, "main.js")
    assert asset is not None and asset.body == b"changed"


def test_an_installed_page_does_not_change(checkout: Path) -> None:
    found = Assets(checkout / "server" / "web")
    (checkout / "server" / "web" / "main.js").write_text("changed")
    asset = found.find(found.version, "main.js")
    assert asset is not None and asset.body != b"changed"


def test_links_and_hidden_files_are_not_served(checkout: Path) -> None:
    web = checkout / "server" / "web"
    (web / "passwd.txt").symlink_to("/etc/passwd")
    (web / ".secret").write_text("x")
    found = Assets(web)
    assert found.find(found.version, "passwd.txt") is None
    assert found.find(found.version, ".secret") is None
