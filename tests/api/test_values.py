"""Every kind of value that a user may log: what is kept of it, and that none of them harms the run."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import math
import pathlib
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest

import trialog

Rows = Callable[[trialog.Run], dict[int, dict[str, Any]]]
Offline = Callable[..., trialog.Run]


class Color(enum.Enum):
    RED = "red"
    BOTH = (1, 2)


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Point:
    x: int
    tags: tuple[str, ...] = ("a",)


class Meters(float):
    pass


class FakeTensor:
    """As a bfloat16 tensor of torch: numpy has no such type, so only item() and tolist() work."""

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values)
        self.shape = self._values.shape
        self.dtype = "bfloat16"

    def detach(self) -> FakeTensor:
        return self

    def cpu(self) -> FakeTensor:
        return self

    def double(self) -> Any:
        return FakeDouble(self._values)

    def numpy(self) -> Any:
        raise TypeError("Got unsupported ScalarType BFloat16")

    def item(self) -> Any:
        return self._values.item()

    def tolist(self) -> Any:
        return self._values.tolist()


class FakeDouble(FakeTensor):
    def numpy(self) -> Any:
        return self._values


def user_function() -> None:
    """Stand for a function in a row."""


KEPT: list[tuple[Any, Any]] = [
    (1, 1),
    (-0.0, -0.0),
    (2**53 + 1, 2**53 + 1),
    (2**64 - 1, 2**64 - 1),
    (-(2**63), -(2**63)),
    (5e-324, 5e-324),
    (True, True),
    (None, None),
    ("text", "text"),
    ([1, [2, "x"]], [1, [2, "x"]]),
    ((1, 2), [1, 2]),
    (range(3), [0, 1, 2]),
    ({5}, [5]),
    (frozenset({5}), [5]),
    ({"k": 1}.keys(), ["k"]),
    (b"bytes", "bytes"),
    (bytearray(b"bytes"), "bytes"),
    (b"\xff", "\ufffd"),
    (datetime.date(2026, 1, 2), "2026-01-02"),
    (datetime.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05"),
    (datetime.time(3, 4), "03:04:00"),
    (Color.RED, "red"),
    (Color.BOTH, [1, 2]),
    (Level.HIGH, 3),
    (Meters(1.5), 1.5),
    (decimal.Decimal("1.5"), "Decimal('1.5')"),
    (fractions.Fraction(1, 2), "Fraction(1, 2)"),
    (1 + 2j, "(1+2j)"),
    (pathlib.PurePosixPath("a/b"), "PurePosixPath('a/b')"),
    (user_function, f"{__name__}.user_function"),
    (np.float64(1.5), 1.5),
    (np.float32(0.5), 0.5),
    (np.float16(0.1), 0.0999755859375),
    (np.int8(3), 3),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (np.bool_(True), True),
    (np.str_("x"), "x"),
    (np.longdouble(1.5), 1.5),
    (np.array(2.5), 2.5),
    (np.array([2.5]), 2.5),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array([1.5, 2.5], dtype=np.longdouble), [1.5, 2.5]),
    (np.array([]), []),
    (np.arange(32), list(range(32))),
    (np.datetime64("2026-01-02"), "2026-01-02"),
    (FakeTensor(0.5), 0.5),
    (FakeTensor([0.5, 1.5]), [0.5, 1.5]),
    (2**70, float(2**70)),
    (-(2**70), -float(2**70)),
    (10**5000, "integer of 16610 bits"),
    ("lone \ud800 surrogate", "lone ? surrogate"),
    (["\udfff", 2**80], ["?", float(2**80)]),
]


@pytest.mark.parametrize(("value", "kept"), KEPT, ids=lambda value: repr(type(value).__name__))
def test_values(value: Any, kept: Any, offline: Offline, rows: Rows) -> None:
    run = offline()
    run.log({"v": value, "beside": 1})
    run.log({"in a list": [value]})
    run.log({"after": 1})
    run.finish()
    found = rows(run)
    assert found[0]["v"] == kept
    assert type(found[0]["v"]) is type(kept)
    assert found[0]["beside"] == 1
    assert found[1]["in a list"] == [kept]
    assert found[2] == {"after": 1}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.nan, np.float32("inf")])
def test_numbers_that_are_not_finite_stay_what_they_are(value: Any, offline: Offline, rows: Rows) -> None:
    run = offline()
    run.log({"v": value})
    run.finish()
    found = rows(run)[0]["v"]
    assert type(found) is float
    assert found == value or (math.isnan(found) and math.isnan(value))


def test_nested_maps_become_dotted_names(offline: Offline, rows: Rows) -> None:
    run = offline()
    run.log({"a": {"b": {"c": 1}, 5: 2, "empty": {}}, "point": Point(3)})
    run.finish()
    assert rows(run) == {0: {"a.b.c": 1, "a.5": 2, "point.x": 3, "point.tags": ["a"]}}


def test_a_large_array_becomes_a_histogram(offline: Offline, rows: Rows) -> None:
    values = np.concatenate([np.linspace(0, 32, 3200, endpoint=False), [np.nan, np.inf, -np.inf]])
    run = offline()
    run.log({"a": values, "deep": {"b": values.astype(np.float32).reshape(-1, 1)}, "same": np.ones(50)})
    run.log({"t": FakeTensor(np.linspace(0, 1, 64))})
    run.finish()
    found = rows(run)
    for name in ("a", "deep.b"):
        histogram = found[0][name]
        assert histogram["_type"] == "histogram"
        assert histogram["values"] == pytest.approx([100] * 32, abs=1)
        assert len(histogram["bins"]) == 33
    assert sum(found[0]["same"]["values"]) == 50
    assert sum(found[1]["t"]["values"]) == 64


def test_a_large_array_without_numpy_becomes_the_same_histogram(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from trialog._values import histogram

    values = np.random.default_rng(1).normal(size=1000)
    with_numpy = histogram(values)
    monkeypatch.delitem(sys.modules, "numpy")
    without = histogram(values)
    assert without["values"] == with_numpy["values"]
    assert without["bins"] == pytest.approx(with_numpy["bins"])


class RaisingFloat(float):
    def __float__(self) -> float:
        raise RuntimeError("no")


class RaisingRepr:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class RaisingEverything:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RuntimeError("no")


class RaisingLength(list):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        return "raising"


class Proxy:
    """As the lazy proxies of several libraries: it says that it is a float."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return float

    def __repr__(self) -> str:
        return "proxy"


def endless() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


def deep() -> dict[str, Any]:
    value: dict[str, Any] = {"leaf": 1}
    for _ in range(2000):
        value = {"k": value}
    return value


HOSTILE: list[Callable[[], Any]] = [
    lambda: RaisingFloat(1.0),
    RaisingRepr,
    RaisingEverything,
    lambda: RaisingLength([1]),
    Proxy,
    lambda: mock.Mock(spec=float),
    lambda: mock.Mock(spec=dict),
    mock.MagicMock,
    endless,
    deep,
    lambda: object,
    lambda: np.array([object()] * 40),
    lambda: np.array(["x"] * 40),
    lambda: np.array([1 + 2j] * 40),
    lambda: np.array([-1.7e308, 1.7e308] * 20),
    lambda: iter([1]),
    lambda: float,
]


@pytest.mark.parametrize("make", HOSTILE, ids=range(len(HOSTILE)))
def test_a_strange_value_costs_at_most_itself(
    make: Callable[[], Any], offline: Offline, rows: Rows, recwarn: pytest.WarningsRecorder
) -> None:
    value = make()
    run = offline()
    run.log({"before": 1})
    run.log({"v": value, "beside": 2})
    run.log({"v": {"nested": value}, "beside": 3})
    run.log({"after": 4})
    run.config["v"] = value
    run.summary["v"] = value
    assert run.step == 4
    run.finish()
    found = rows(run)
    assert found[0] == {"before": 1}
    assert found[1]["beside"] == 2
    assert found[2]["beside"] == 3
    assert found[3] == {"after": 4}
    assert not recwarn.list


@pytest.mark.parametrize("value", [10**5000, 2**70, "\ud800", Proxy(), endless(), math.nan], ids=range(6))
def test_strange_values_of_config_and_summary_end_nothing(
    value: Any, offline: Offline, stored: Callable[..., Any], capsys: Any
) -> None:
    run = offline({"silent": False}, config={"c": value, "good": 1})
    run.summary["s"] = value
    run.log({"a": 1})
    run.finish()
    found = stored(run)
    assert found.state == "finished"
    assert found.config["good"] == 1
    assert "c" in found.config
    assert found.summary["a"] == 1
    said = capsys.readouterr().err
    assert "stopped" not in said
    assert (pathlib.Path(run.dir) / "config.yaml").read_text().startswith("c:")
    assert '"a": 1' in (pathlib.Path(run.dir) / "summary.json").read_text()


def test_one_warning_for_many_mended_values(offline: Offline, capsys: Any) -> None:
    run = offline({"silent": False})
    for _ in range(20):
        run.log({"big": 2**70})
    run.finish()
    assert capsys.readouterr().err.count("some values cannot be stored as they are") == 1
