"""
User values to plain ones. ``snapshot`` runs in the caller; the rest only for what is no builtin scalar.

===============================  =====================================================
value                            kept as
===============================  =====================================================
None, bool, int, float, str      itself; NaN and infinity too
numpy or torch scalar, 1 element the Python scalar
array of up to 32 elements       a list
larger array                     a histogram: ``{"_type": "histogram", "values", "bins"}``
list, tuple, set, range          a list
mapping                          a dict with text keys
bytes                            text
date, datetime                   ISO text
Enum                             its value
dataclass                        a dict
anything else                    its ``repr``
===============================  =====================================================
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import math
import sys
from collections.abc import Mapping, Set
from typing import Any

from trialog._errors import UsageError

_EXACT = {float, int, str, bool, type(None)}
MAX_DEPTH = 32
MAX_LIST_ELEMENTS = 32
HISTOGRAM_BINS = 32


def snapshot(row: Any) -> dict[str, Any]:
    """
    Return a copy of a row that no later change of the caller's objects reaches.

    Raises:
        UsageError: ``row`` is no mapping, or one of its names is no text.
    """
    try:
        copy: dict[str, Any] = dict(row) if isinstance(row, Mapping) else _not_a_row(row)
    except RuntimeError as error:
        raise UsageError(f"the row changed size while it was logged ({error}); nothing of it was kept") from error
    exact = _EXACT
    for key, value in copy.items():
        if type(value) not in exact or type(key) is not str or not key:
            return _convert_row(copy)
    return copy


def _not_a_row(row: Any) -> dict[str, Any]:
    raise UsageError(f"log() takes a dict of names and values, not {type(row).__name__}; nothing was logged")


def _convert_row(row: dict[Any, Any]) -> dict[str, Any]:
    for key in row:
        if not isinstance(key, str):
            raise UsageError(f"metric names are text, not {type(key).__name__} ({key!r}); nothing was logged")
    return {str(key): plain(value) for key, value in row.items() if key != ""}


def plain(value: Any, depth: int = 0) -> Any:
    """Return ``value`` as something msgpack can carry; never raises for a strange value."""
    if type(value) in _EXACT:  # not __class__: a proxy may claim to be a float there
        return value
    if depth > MAX_DEPTH:
        return _text(value)
    try:
        return _convert(value, depth)
    except Exception:  # noqa: BLE001 - a user's object may raise anything; its text is kept instead
        return _text(value)


def _convert(value: Any, depth: int) -> Any:
    if isinstance(value, enum.Enum):
        return plain(value.value, depth + 1)
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range, Set)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bool, int, float, str)):
        return _builtin(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name), depth + 1) for field in fields}
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _array(value, depth)
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return _text(value)


def _builtin(value: Any) -> Any:
    """A subclass of a builtin scalar (numpy's float64 is one) as the builtin itself."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _array(value: Any, depth: int) -> Any:
    """numpy, torch, jax and their like, without importing any of them."""
    size = math.prod(int(length) for length in value.shape)
    if size == 1:
        item = value.item()
        # A long double is its own item.
        return float(item) if type(item) is type(value) else plain(item, depth + 1)
    if size <= MAX_LIST_ELEMENTS:
        return plain(value.tolist(), depth + 1)
    if hasattr(value, "detach"):
        # numpy lacks some of torch's types, so it gets the one that holds all of them.
        value = value.detach().cpu().double().numpy()
    return histogram(value.ravel())


def histogram(values: Any) -> dict[str, Any]:
    """Return counts of a flat array's finite values in 32 bins of equal width, and the 33 edges."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if values.dtype.kind not in "biuf":
            raise TypeError(f"no histogram of {values.dtype}")
        with numpy.errstate(all="ignore"):
            array = numpy.asarray(values, dtype="float64")
            counts, edges = numpy.histogram(array[numpy.isfinite(array)], bins=HISTOGRAM_BINS)
        return {"_type": "histogram", "values": counts.tolist(), "bins": edges.tolist()}
    return _histogram_of_list([float(value) for value in values.tolist()])


def _histogram_of_list(values: list[float]) -> dict[str, Any]:
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = [0] * HISTOGRAM_BINS
    scale = HISTOGRAM_BINS / (high - low)
    for value in finite:
        counts[min(int((value - low) * scale), HISTOGRAM_BINS - 1)] += 1
    edges = [low + (high - low) * index / HISTOGRAM_BINS for index in range(HISTOGRAM_BINS + 1)]
    return {"_type": "histogram", "values": counts, "bins": edges}


def _text(value: Any) -> str:
    try:
        return repr(value)[:1000]
    except Exception:  # noqa: BLE001 - a user's __repr__ may raise anything
        return f"<{type(value).__name__}>"


def mend(row: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """
    Return a row that msgpack can carry for certain, and the names of the values that had to change.

    What gets here is plain but out of range: an integer beyond 64 bits becomes a float, text with lone
    surrogates loses them, what nests too deep becomes its text.
    """
    changed: list[str] = []
    out: dict[str, Any] = {}
    for key, value in row.items():
        good = _mend_value(value, 0)
        name = _mend_text(key)
        if good is not value or name != key:
            changed.append(name)
        out[name] = good
    return out, changed


def _mend_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _mend_value(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        good = _mend_text(value)
        return value if good == value else good
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return _float_or_text(value)
    if isinstance(value, (list, dict)) and depth > MAX_DEPTH:
        return _text(value)
    if isinstance(value, list):
        items = [_mend_value(item, depth + 1) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if isinstance(value, dict):
        return {_mend_text(str(key)): _mend_value(item, depth + 1) for key, item in value.items()}
    return value if type(value) in _EXACT else _text(value)


def _float_or_text(value: int) -> Any:
    try:
        return float(value)
    except OverflowError:
        return f"integer of {value.bit_length()} bits"
