"""``trialog login URL``: keep a server's address and key for all later runs."""

from __future__ import annotations

import argparse
import getpass
import sys

from trialog._credentials import Credential, normalise_url, read_credential, store_credential
from trialog._errors import UsageError
from trialog._settings import resolve, store_setting


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "login",
        help="keep a server's address and API key",
        description="Check an API key with a server, then keep both; later runs go there by default. The key is "
        "read from the terminal or standard input, never from the command line.",
    )
    parser.add_argument("server", nargs="?", metavar="URL", help="the server (default: TRIALOG_BASE_URL)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask for the key unless one is stored, check it, keep both."""
    from trialog._server_source import check_key

    base_url = normalise_url(arguments.server) if arguments.server else resolve().base_url
    if base_url is None:
        raise UsageError("which server? trialog login http://host:8642")
    stored = read_credential(base_url)
    key = stored.api_key if stored is not None else _ask(base_url)
    user, instance = check_key(base_url, key)
    path = store_credential(base_url, Credential(key, user, instance))
    store_setting("base_url", base_url)
    print(f"logged in to {base_url} as {user}; the key is in {path}")
    return 0


def _ask(base_url: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"API key for {base_url} (the page shows where to find it): ").strip()
    return sys.stdin.readline().strip()
