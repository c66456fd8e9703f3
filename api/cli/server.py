"""``trialog server``: keep runs, and show them in the browser."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from trialog.cli.requirements import require_extra


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("server", help="run the server that keeps runs and shows them")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("~/.local/share/trialog"),
        metavar="DIR",
        help="where everything is kept (default: %(default)s)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8642, help="port, 0 for any free one (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; return the exit code."""
    require_extra("server", "sqlalchemy", "alembic", "numpy", "zstandard")
    from trialog.server import ServerAddress, ServerSettings, serve

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    data_dir = args.data.expanduser().absolute()

    def tell(address: ServerAddress) -> None:
        print(f"trialog server  {address.base_url}")
        print(f"page            {address.login_url}")
        print(f"data            {data_dir}")
        print(f"API key         of {address.user}, in {address.credentials_path}")
        print(f"in a script     export TRIALOG_BASE_URL={address.base_url}")
        print("Ctrl-C stops it", flush=True)

    serve(ServerSettings(data_dir, args.host, args.port), on_start=tell)
    return 0
