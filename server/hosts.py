"""
Which Host headers are answered.

A page of somebody else can point a name of its own at 127.0.0.1 and then talk to us from inside the browser
(DNS rebinding); it cannot choose the Host header, so a host that is not ours is refused.
"""

from __future__ import annotations

import ipaddress
import socket

from trialog.server.settings import is_loopback, is_wildcard


class HostRule:
    """Knows the names of this server."""

    def __init__(self, bound_host: str) -> None:
        self._bound = bound_host.lower()
        self._everywhere = is_wildcard(bound_host)
        self._names = {socket.gethostname().lower(), socket.getfqdn().lower()} if self._everywhere else set()

    def allows(self, header: str | None) -> bool:
        """Tell whether a Host header names this server."""
        host = _without_port(header or "")
        if is_loopback(host) or (host == self._bound and host):
            return True
        if not self._everywhere:
            return False
        return host in self._names or _is_address(host)


def _without_port(header: str) -> str:
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
