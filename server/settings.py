"""What a server is started with, and the address it answers at."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 8642


@dataclass(frozen=True)
class ServerSettings:
    """
    Where the server keeps its data and where it listens.

    ``port`` 0 takes any free port.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT


@dataclass(frozen=True)
class ServerAddress:
    """
    A running server, as handed to ``on_start``.

    ``login_url`` opens the page; on a loopback bind it carries a login code, so nothing has to be typed.
    """

    base_url: str
    login_url: str
    user: str
    credentials_path: Path


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` (a name or an IP literal, no port) only reaches this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Tell whether binding to ``host`` listens on every address of the machine."""
    return host in ("", "0.0.0.0", "::")  # noqa: S104 - compared with, never bound to
