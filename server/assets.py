"""
The page's files, held in memory: what is not in this map cannot be asked for.

They are served below an address that changes with their content, so that browsers may keep them for ever.
"""

from __future__ import annotations

import hashlib
import mimetypes
import time
from dataclasses import dataclass
from pathlib import Path

_WEB = Path(__file__).parent / "web"
_PLACEHOLDER = b"{{static}}"
_LOOK_AGAIN_S = 0.5
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """One file, ready to send."""

    body: bytes
    content_type: str


class Assets:
    """
    The files of ``server/web``.

    In a checkout the folder is looked at again when it changed, so that the page can be worked on while the
    server runs; an installed package does not change.
    """

    def __init__(self, folder: Path = _WEB) -> None:
        self._folder = folder
        self._changes = (folder.parent.parent / ".git").exists()
        self._looked_at = time.monotonic()
        self._state = self._stat()
        self._read()

    def find(self, version: str, name: str) -> Asset | None:
        """Return a file by the version in its address and its path, or None."""
        self._refresh()
        return self._files.get(name) if version == self.version else None

    def index(self) -> Asset | None:
        """Return the page itself with ``{{static}}`` replaced by the address of its files, or None."""
        self._refresh()
        page = self._files.get("index.html")
        if page is None:
            return None
        return Asset(page.body.replace(_PLACEHOLDER, f"/static/{self.version}".encode()), page.content_type)

    def _refresh(self) -> None:
        now = time.monotonic()
        if not self._changes or now - self._looked_at < _LOOK_AGAIN_S:
            return
        self._looked_at = now
        state = self._stat()
        if state != self._state:
            self._state = state
            self._read()

    def _stat(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                about = path.stat()
                found[path] = (about.st_mtime_ns, about.st_size)
        return found

    def _read(self) -> None:
        files = {}
        digest = hashlib.sha256()
        for path in self._state:
            name, body = path.relative_to(self._folder).as_posix(), path.read_bytes()
            digest.update(f"{name}\0{len(body)}\0".encode() + body)
            files[name] = Asset(body, _content_type(path))
        self._files = files
        self.version = digest.hexdigest()[:16]


def _content_type(path: Path) -> str:
    known = _TYPES.get(path.suffix)
    return known or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
