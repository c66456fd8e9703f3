"""System statistics: one module per part of the machine, one function each that makes a sampler."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

#: Returns the current values, named ``system/...``; an empty dict when the part is not there.
Probe: TypeAlias = Callable[[], "dict[str, float]"]
