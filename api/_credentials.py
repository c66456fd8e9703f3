"""
API keys of servers, in a file that only its owner can read.

``<config dir>/credentials.json`` (mode 0600 in a directory of mode 0700) maps a server's address to a key::

    {"servers": {"http://127.0.0.1:8642": {"api_key": "tl_...", "user": "ada", "instance": "..."}}}
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trialog._errors import SettingsError, UsageError


@dataclass(frozen=True)
class Credential:
    """A key for one server: whose it is, and which server instance issued it."""

    api_key: str = field(repr=False)
    user: str
    instance: str = ""


def config_dir() -> Path:
    """Return ``$TRIALOG_CONFIG_DIR``, else ``$XDG_CONFIG_HOME/trialog``, else ``~/.config/trialog``."""
    own = os.environ.get("TRIALOG_CONFIG_DIR")
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "trialog"


def credentials_path() -> Path:
    """Return where the keys are kept."""
    return config_dir() / "credentials.json"


def normalise_url(base_url: str) -> str:
    """
    Return ``scheme://host[:port][/prefix]`` without a trailing slash.

    Raises:
        SettingsError: not an http or https address.
    """
    parts = urlsplit(base_url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            f"{base_url!r} is not a server address; it looks like http://127.0.0.1:8642 (TRIALOG_BASE_URL)"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def read_credential(base_url: str) -> Credential | None:
    """
    Return the stored key for a server, or None.

    Raises:
        SettingsError: other accounts could read the file, so its keys are not used.
    """
    return _decode(_read().get("servers", {}).get(base_url))


def find_key(base_url: str, given: str | None) -> str:
    """
    Return the key for a server: the one given, else the stored one.

    Raises:
        UsageError: there is neither; the message has the command that stores one.
        SettingsError: the file of keys cannot be used.
    """
    stored = None if given else read_credential(base_url)
    key = given or (stored.api_key if stored is not None else None)
    if key is None:
        raise UsageError(f"no API key for {base_url}; run `trialog login {base_url}`")
    return key


def read_credentials_of(instance: str) -> dict[str, Credential]:
    """Return the stored keys for one server instance, by the address it had when each was stored."""
    entries = {url: _decode(entry) for url, entry in _read().get("servers", {}).items()}
    return {url: found for url, found in entries.items() if found is not None and found.instance == instance}


def store_credential(base_url: str, credential: Credential, instead_of: Iterable[str] = ()) -> Path:
    """
    Store (or replace) the key for a server and return the file's path.

    Keys under the addresses ``instead_of`` are forgotten; other servers' keys stay.
    """
    path = credentials_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = _read()
    servers = data.setdefault("servers", {})
    for old in instead_of:
        servers.pop(old, None)
    servers[base_url] = asdict(credential)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    return path


def _decode(entry: Any) -> Credential | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("api_key"), str):
        return None
    return Credential(entry["api_key"], str(entry.get("user", "")), str(entry.get("instance", "")))


def _read() -> dict[str, Any]:
    path = credentials_path()
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise SettingsError(f"{path} can be read by other accounts; run: chmod 600 {path}")
    try:
        data = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{path} is not valid JSON ({error}); mend it or move it away") from error
    if not isinstance(data, dict):
        raise SettingsError(f"{path} does not hold a JSON object; mend it or move it away")
    return data
