"""A real server, a real Chromium, and pages that may neither complain nor ask anybody else for anything."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import trialog
from tests.server_process import RunningServer, running_server

_numbers = itertools.count(1)

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a module: while it is open, no asynchronous test of another folder can run."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for the tests of a module; each test has a project of its own."""
    folder = tmp_path_factory.mktemp("web")
    with running_server(folder / "data", config_dir=folder / "config") as running:
        yield running


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """A project that no other test uses."""
    return f"{request.node.name.split('[')[0][5:45]} {next(_numbers)}"


class Complaints:
    """What pages complained of, and what they asked other hosts for."""

    def __init__(self) -> None:
        self.expected: list[str] = []
        self._heard: list[str] = []

    def listen(self, page: Page, base_url: str) -> None:
        """Hear all that a page says and asks for; it may ask nobody but the server at ``base_url``."""
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self._heard.append(f"page error: {error}"))
        page.on("request", lambda request: self._check(request.url, base_url))

    def unexpected(self) -> list[str]:
        """Return what no test has announced."""
        return [text for text in self._heard if not any(part in text for part in self.expected)]

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self._heard.append(f"console {kind}: {text}")

    def _check(self, url: str, base_url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != base_url:
            self._heard.append(f"request to another origin: {url}")


@pytest.fixture(autouse=True)
def complaints() -> Iterator[Complaints]:
    """No page of any test may complain of anything that the test has not announced."""
    complaints = Complaints()
    yield complaints
    assert complaints.unexpected() == []


class Site:
    """The server as a reader with a browser sees it."""

    def __init__(
        self, browser: Browser, server: RunningServer, project: str, folder: Path, complaints: Complaints
    ) -> None:
        self.server = server
        self.project = project
        self.expected_errors = complaints.expected
        self._browser = browser
        self._folder = folder
        self._complaints = complaints
        self._contexts: list[Any] = []

    def start_run(self, **arguments: Any) -> trialog.Run:
        """Start a run that uploads to the server."""
        settings = {
            "base_url": self.server.base_url,
            "api_key": self.server.api_key,
            "disable_stats": True,
            "silent": True,
            **arguments.pop("settings", {}),
        }
        return trialog.init(project=self.project, dir=self._folder, reinit="create_new", settings=settings, **arguments)

    def log_run(self, name: str, values: list[float], config: dict[str, Any] | None = None) -> str:
        """Make a finished run with one metric, ``train/loss``, and return its id."""
        with self.start_run(name=name, config=config) as run:
            for value in values:
                run.log({"train/loss": value})
        return run.id

    def page(self, path: str = "", *, log_in: bool = True, size: tuple[int, int] = (1280, 800), **context: Any) -> Page:
        """Open a page of the project (``path`` behind its address; absolute with a leading ``//``)."""
        opened = self._browser.new_context(viewport={"width": size[0], "height": size[1]}, **context)
        self._contexts.append(opened)
        page = opened.new_page()
        self._complaints.listen(page, self.server.base_url)
        if log_in:
            page.goto(self.server.login_url)
            page.wait_for_selector(".bar")
        page.goto(self.address(path))
        return page

    def address(self, path: str = "") -> str:
        """Return the address of a page."""
        base = self.server.base_url
        return base + path[1:] if path.startswith("//") else f"{base}/me/{quote(self.project)}{path}"

    def close(self) -> None:
        """Close the pages."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def site(
    browser: Browser, server: RunningServer, project: str, tmp_path: Path, complaints: Complaints
) -> Iterator[Site]:
    site = Site(browser, server, project, tmp_path, complaints)
    yield site
    site.close()


@pytest.fixture
def own_site(browser: Browser, project: str, tmp_path: Path, complaints: Complaints) -> Iterator[Callable[..., Any]]:
    """Sites on servers of their own, which a test may kill."""

    @contextmanager
    def start(port: int = 0) -> Iterator[Site]:
        with running_server(tmp_path / "own", port=port, config_dir=tmp_path / "own-config") as running:
            yield Site(browser, running, project, tmp_path, complaints)

    yield start


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(str(item.fspath)).parent == Path(__file__).parent and "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
