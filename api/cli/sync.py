"""``trialog sync DIR...``: upload runs from disk."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from trialog._credentials import read_credential
from trialog._errors import UsageError
from trialog._settings import resolve

if TYPE_CHECKING:
    from trialog.agent.sync import SyncResult


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
    parser.add_argument("--server", metavar="URL", help="the server (default: TRIALOG_BASE_URL, login)")
    parser.add_argument("--entity", help="upload below this user or team")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Upload; returns 0 when every run is complete on the server."""
    from trialog.agent.sync import Destination, sync

    for path in arguments.dirs:
        if not path.is_dir():
            raise UsageError(f"{path} is no folder")
    settings = resolve({"base_url": arguments.server})
    if settings.base_url is None:
        raise UsageError("no server is known: give --server URL, set TRIALOG_BASE_URL or run `trialog login URL`")
    stored = None if settings.api_key else read_credential(settings.base_url)
    key = settings.api_key or (stored.api_key if stored else None)
    if key is None:
        raise UsageError(f"no API key for {settings.base_url}; run `trialog login {settings.base_url}`")
    results = sync(arguments.dirs, Destination(settings.base_url, key, arguments.entity), _report)
    if not results:
        raise UsageError(f"no runs in {', '.join(str(path) for path in arguments.dirs)}")
    done = sum(result.ok for result in results)
    print(f"{done} of {len(results)} run{'' if len(results) == 1 else 's'} complete on {settings.base_url}")
    return 0 if done == len(results) else 1


def _report(result: SyncResult) -> None:
    title = f"{result.name} ({result.project})" if result.name else str(result.directory)
    if result.problem is None:
        print(f"{title}: {result.records:,} records, {result.sent:,} sent now")
    else:
        print(f"{title}: not complete: {result.problem}")
        print(f"  everything is still in {result.directory}")
    for damage in result.damage:
        print(f"  damaged: {damage}")
