"""
The files of a run that people read: config.yaml, summary.json, metadata.json.

They are copies for reading; the write-ahead log is the truth. Each is replaced as a whole, so a reader never
sees half of one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiofiles
import aiofiles.os

from trialog.agent.diagnostics import Diagnostics
from trialog.agent.files import open_private

REFRESH_S = 5.0
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")


class RunFiles:
    """Writes the files of one run; on the loop."""

    def __init__(self, directory: Path, diagnostics: Diagnostics) -> None:
        self._directory = directory / "files"
        self._diagnostics = diagnostics
        self._written: dict[str, str] = {}

    async def write(self, config: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        """Bring config.yaml and summary.json up to date."""
        await self._replace("config.yaml", config_yaml(config))
        await self._replace("summary.json", json.dumps(dict(summary), indent=2, ensure_ascii=False))

    async def write_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Write metadata.json."""
        await self._replace("metadata.json", json.dumps(dict(metadata), indent=2, ensure_ascii=False))

    async def _replace(self, name: str, text: str) -> None:
        if self._written.get(name) == text:
            return
        fresh = self._directory / f".{name}"
        try:
            async with aiofiles.open(fresh, "w", encoding="utf-8", errors="replace", opener=open_private) as file:
                await file.write(text + "\n")
            await aiofiles.os.replace(fresh, self._directory / name)
        except OSError as error:
            self._diagnostics.note(f"{name} could not be written: {error}")
        else:
            self._written[name] = text


def config_yaml(config: Mapping[str, Any]) -> str:
    """Return the config as YAML: ``key: {value: ...}`` as wandb writes it, each value as JSON, which YAML contains."""
    lines = []
    for key, value in config.items():
        name = key if _PLAIN_KEY.fullmatch(key) else json.dumps(key)
        lines.append(f"{name}:\n  value: {_yaml_value(value)}")
    return "\n".join(lines)


def _yaml_value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return {"NaN": ".nan", "Infinity": ".inf", "-Infinity": "-.inf"}.get(text, text)


async def keep_fresh(
    files: RunFiles,
    metadata: Mapping[str, Any],
    read: Callable[[], tuple[dict[str, Any], dict[str, Any]]],
    ended: asyncio.Event,
) -> None:
    """Write the files, again every few seconds, and once more after ``ended``; ``read`` gives config and summary."""
    await files.write_metadata(metadata)
    last = False
    while not last:
        last = ended.is_set()
        await files.write(*read())
        if not last:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(ended.wait(), REFRESH_S)
