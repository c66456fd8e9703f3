"""Names for the shapes that pass between the parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

#: What a user hands to ``log``: metric names to values, possibly nested.
Row: TypeAlias = Mapping[str, Any]

#: A value that msgpack carries as it is.
Plain: TypeAlias = "bool | int | float | str | bytes | list[Plain] | dict[str, Plain] | None"

#: ``"online"`` uploads while it runs, ``"offline"`` keeps the run on disk, ``"disabled"`` does nothing.
Mode: TypeAlias = Literal["online", "offline", "disabled"]

#: What a run is doing, as far as anybody knows.
State: TypeAlias = Literal["running", "finished", "failed", "crashed", "lost"]
