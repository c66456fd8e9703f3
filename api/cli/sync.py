"""``trialog sync DIR...``: upload runs from disk."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trialog._credentials import find_key
from trialog._errors import UsageError
from trialog._settings import resolve

if TYPE_CHECKING:
    from trialog.agent.sync import Destination, SyncResult


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "sync",
        help="upload runs from disk to a server",
        description="Upload run directories. Safe to repeat, to run twice at once, and to interrupt: the server "
        "says what it has, only the rest is sent. Exits 1 if a run is not complete on the server.",
    )
    parser.add_argument(
        "dirs", nargs="+", type=Path, metavar="DIR", help="a run's folder, or a folder of them (trialog-runs)"
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help="the server (default: TRIALOG_BASE_URL, login, the one the run was meant for)",
    )
    parser.add_argument("--entity", help="upload below this user or team")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Upload; returns 0 when every run is complete on its server."""
    from trialog.agent.sync import sync

    for path in arguments.dirs:
        if not path.is_dir():
            raise UsageError(f"{path} is no folder")
    find = _make_finder(arguments.server, arguments.entity)
    results = sync(arguments.dirs, find, _report)
    if not results:
        raise UsageError(f"no runs in {', '.join(str(path) for path in arguments.dirs)}")
    done = sum(result.ok for result in results)
    servers = ", ".join(sorted({result.base_url for result in results if result.base_url}))
    print(
        f"{done} of {len(results)} run{'' if len(results) == 1 else 's'} complete{f' on {servers}' if servers else ''}"
    )
    return 0 if done == len(results) else 1


def _make_finder(server: str | None, entity: str | None) -> Callable[[dict[str, Any]], Destination]:
    from trialog.agent.sync import Destination

    settings = resolve({"base_url": server})

    def find(identity: dict[str, Any]) -> Destination:
        base_url = settings.base_url or identity.get("base_url")
        if not base_url:
            raise UsageError("no server is known: give --server URL, set TRIALOG_BASE_URL or run `trialog login URL`")
        return Destination(base_url, find_key(base_url, settings.api_key), entity)

    return find


def _report(result: SyncResult) -> None:
    title = f"{result.name} ({result.project})" if result.name else str(result.directory)
    if result.problem is None:
        print(f"{title}: {result.records:,} records, {result.sent:,} sent now")
    else:
        print(f"{title}: not complete: {result.problem}")
        print(f"  everything is still in {result.directory}")
    for damage in result.damage:
        print(f"  damaged: {damage}")
