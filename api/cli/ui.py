"""``trialog ui [DIR]``: a server on this machine that follows a folder of run directories."""

from __future__ import annotations

import argparse
import hashlib
import os
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from trialog._errors import UsageError
from trialog.cli.requirements import require_extra

if TYPE_CHECKING:
    from trialog.server import ServerAddress


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "ui",
        help="look at runs on this machine",
        description="Start a server on this machine that follows a folder of runs, also those being written, and "
        "open its page. The folder is only read.",
    )
    parser.add_argument("dir", nargs="?", type=Path, default=Path("trialog-runs"), metavar="DIR")
    parser.add_argument("--port", type=int, help="default: 8642, or any free port")
    parser.add_argument("--no-browser", action="store_true", help="print the page's address only")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    require_extra("server", "sqlalchemy", "alembic", "numpy", "zstandard")
    from trialog.server import ServerSettings, serve

    folder = arguments.dir
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; runs are kept in trialog-runs where the script was started")

    def on_start(address: ServerAddress) -> None:
        _follow(folder, address)
        print(f"trialog ui follows {folder}")
        show_page(address, open_browser=not arguments.no_browser)

    serve(ServerSettings(index_dir(folder), "127.0.0.1", choose_port(arguments.port)), on_start=on_start)
    return 0


def choose_port(wanted: int | None) -> int:
    """Return the wanted port, else the usual one if it is free, else 0 for any; a steady address is worth having."""
    from trialog.server import DEFAULT_PORT

    if wanted is not None:
        return wanted
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            return 0
    return DEFAULT_PORT


def index_dir(folder: Path) -> Path:
    """Return where the index of a folder is kept: in the user's cache, one per folder; it may be deleted."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return base / "trialog" / "ui" / name


def show_page(address: ServerAddress, open_browser: bool) -> None:
    """Open the page in a browser where there is a screen, and print its address."""
    link = address.login_url or address.base_url
    opened = open_browser and sys.stdout.isatty() and _has_screen() and webbrowser.open(link)
    print(f"  page: {link}" + ("  (opened in your browser)" if opened else ""))
    print("  Ctrl-C stops it", flush=True)


def _has_screen() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _follow(folder: Path, address: ServerAddress) -> None:
    from trialog._credentials import read_credential
    from trialog.agent.sync import Destination, FolderFollower

    stored = read_credential(address.base_url)
    destination = Destination(address.base_url, stored.api_key if stored else None, "me")
    follower = FolderFollower(folder, destination, lambda text: print(f"trialog: {text}", file=sys.stderr))
    threading.Thread(target=follower.run, name="trialog-follow", daemon=True).start()
