"""
JSON as it is stored and sent: exact, and valid for every reader.

JSON has no NaN and no infinity, so such floats travel as ``{"$float": "nan" | "inf" | "-inf"}``; bytes travel as
``{"$bytes": base64}``.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from aiohttp import web


def plain(value: Any) -> Any:
    """Return ``value`` in a form that JSON can say."""
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": float_name(value)}
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    return value


def float_name(value: float) -> str:
    """Return the name of a float that JSON lacks: nan, inf or -inf."""
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def dumps(value: Any) -> str:
    """Return JSON; the caller has made ``value`` plain."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def answer(value: Any, *, status: int = 200) -> web.Response:
    """Return a JSON response."""
    return web.Response(text=dumps(value), status=status, content_type="application/json")
