"""The summary: what it shows after which rows, definitions and hand-set values; live, on disk, and disabled."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trialog

Offline = Callable[..., trialog.Run]
NAN, INF = math.nan, math.inf

#: What is done to a fresh run, and what its summary then holds (stamps left out).
TABLE: list[tuple[str, list[tuple[Any, ...]], dict[str, Any]]] = [
    ("last", [("log", {"a": 1}), ("log", {"a": 3}), ("log", {"a": 2})], {"a": 2}),
    ("text", [("log", {"a": "x"})], {"a": "x"}),
    ("none is nothing", [("log", {"a": None})], {}),
    ("min", [("def", "a", "min"), ("log", {"a": 3}), ("log", {"a": 1}), ("log", {"a": 2})], {"a": {"min": 1}}),
    (
        "several, blanks, case",
        [("def", "a", "Min, max,MEAN ,last,first"), ("log", {"a": 3}), ("log", {"a": 1}), ("log", {"a": 2})],
        {"a": {"min": 1, "max": 3, "mean": 2.0, "last": 2, "first": 3}},
    ),
    ("none", [("def", "a", "none"), ("log", {"a": 3}), ("log", {"b": 1})], {"b": 1}),
    ("retroactive", [("log", {"a": 5}), ("log", {"a": 9}), ("def", "a", "min")], {"a": {"min": 5}}),
    ("merged", [("log", {"a": 5}), ("def", "a", "min"), ("def", "a", "max")], {"a": {"min": 5, "max": 5}}),
    ("overwrite", [("log", {"a": 5}), ("def", "a", "min"), ("def", "a", "max", True)], {"a": {"max": 5}}),
    ("undefined again", [("log", {"a": 5}), ("def", "a", "min"), ("def", "a", None, True)], {"a": 5}),
    ("glob", [("def", "val/*", "max"), ("log", {"val/a": 1, "a": 1})], {"val/a": {"max": 1}, "a": 1}),
    (
        "longest prefix",
        [
            ("def", "*", "min"),
            ("def", "val/*", "max"),
            ("def", "val/x*", "last"),
            ("log", {"val/xy": 1, "val/a": 2, "b": 3}),
        ],
        {"val/xy": {"last": 1}, "val/a": {"max": 2}, "b": {"min": 3}},
    ),
    ("exact wins", [("def", "val/*", "max"), ("def", "val/a", "min"), ("log", {"val/a": 1})], {"val/a": {"min": 1}}),
    ("glob, late", [("log", {"a": 1}), ("log", {"a": 2}), ("def", "*", "min")], {"a": {"min": 1}}),
    ("private", [("def", "*", "min"), ("log", {"_a": 1})], {"_a": 1}),
    ("nested", [("def", "n.a", "max"), ("log", {"n": {"a": 1, "b": 2}})], {"n.a": {"max": 1}, "n.b": 2}),
    (
        "NaN poisons nothing",
        [("def", "a", "min,max,mean"), ("log", {"a": NAN}), ("log", {"a": 2}), ("log", {"a": INF}), ("log", {"a": 4})],
        {"a": {"min": 2, "max": 4, "mean": 3.0}},
    ),
    ("only NaN", [("def", "a", "min,last"), ("log", {"a": INF})], {"a": {"last": INF}}),
    (
        "text among numbers",
        [("def", "a", "mean,last"), ("log", {"a": 2}), ("log", {"a": "x"})],
        {"a": {"mean": 2.0, "last": "x"}},
    ),
    ("bools count", [("def", "a", "mean"), ("log", {"a": True}), ("log", {"a": False})], {"a": {"mean": 0.5}}),
    (
        "one step counts once",
        [("def", "a", "mean,min,first"), ("log", {"a": 100}, 0), ("log", {"a": 1}, 0), ("log", {"a": 3}, 1)],
        {"a": {"mean": 2.0, "min": 1, "first": 1}},
    ),
    ("by hand", [("set", "best", 0.9)], {"best": 0.9}),
    ("by hand, then logged", [("set", "a", 0.9), ("log", {"a": 0.4})], {"a": 0.4}),
    ("logged, then by hand", [("log", {"a": 0.4}), ("set", "a", 0.9)], {"a": 0.9}),
    ("by hand beside a log of another", [("set", "a", 0.9), ("log", {"b": 1})], {"a": 0.9, "b": 1}),
    ("by hand over a definition", [("def", "a", "max"), ("log", {"a": 1}), ("set", "a", 100)], {"a": 100}),
    ("by hand, hidden", [("def", "a", "none"), ("set", "a", 100)], {}),
    ("nested by hand gives way", [("set", "n.a", 1), ("log", {"n": {"a": 2}})], {"n.a": 2}),
    ("deleted", [("log", {"a": 1}), ("del", "a")], {}),
    (
        "deleted, then logged",
        [("def", "a", "min"), ("log", {"a": 1}), ("del", "a"), ("log", {"a": 9})],
        {"a": {"min": 1}},
    ),
    (
        "out of order",
        [("def", "a", "min,max"), ("log", {"a": 1}, 10), ("log", {"a": 5}, 3)],
        {"a": {"min": 1, "max": 5}},
    ),
    ("large integers", [("def", "a", "max"), ("log", {"a": 2**60}), ("log", {"a": 1})], {"a": {"max": 2**60}}),
]


def perform(run: trialog.Run, actions: list[tuple[Any, ...]]) -> None:
    for what, *arguments in actions:
        if what == "log":
            run.log(*arguments)
        elif what == "def":
            run.define_metric(*arguments)
        elif what == "set":
            run.summary[arguments[0]] = arguments[1]
        else:
            del run.summary[arguments[0]]


def plain(summary: Any) -> dict[str, Any]:
    return {key: value for key, value in dict(summary).items() if key not in ("_step", "_runtime", "_timestamp")}


@pytest.mark.parametrize(("actions", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_summary(
    actions: list[tuple[Any, ...]], expected: dict[str, Any], offline: Offline, stored: Callable[..., Any]
) -> None:
    run = offline()
    perform(run, actions)
    assert plain(run.summary) == expected
    run.finish()
    assert plain(run.summary) == expected
    assert plain(stored(run).summary) == expected
    assert plain(json.loads((Path(run.dir) / "summary.json").read_text())) == expected


@pytest.mark.parametrize(("actions", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_summary_of_a_disabled_run(actions: list[tuple[Any, ...]], expected: dict[str, Any]) -> None:
    run = trialog.init(mode="disabled")
    perform(run, actions)
    assert plain(run.summary) == expected


def test_a_summary_is_a_mapping(offline: Offline) -> None:
    run = offline()
    run.log({"a": 1, "b": {"c": 2}})
    run.summary.update({"d": 3}, e=4)
    run.summary.f = 5
    assert plain(run.summary) == {"a": 1, "b.c": 2, "d": 3, "e": 4, "f": 5}
    assert run.summary.a == run.summary["a"] == run.summary.get("a") == 1
    assert "a" in run.summary
    assert "zz" not in run.summary
    assert run.summary.get("zz", 7) == 7
    assert len(run.summary) == 8
    assert {"a", "_step", "_runtime", "_timestamp"} <= set(run.summary)
    assert run.summary["_step"] == 0
    with pytest.raises(KeyError):
        run.summary["zz"]
    with pytest.raises(AttributeError, match="zz"):
        run.summary.zz  # noqa: B018
    with pytest.raises(KeyError):
        del run.summary["zz"]
    assert run.summary.pop("d") == 3
    assert "d" not in run.summary
    assert "Summary(" in repr(run.summary)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", "best"), "'best' is none of min, max"),
        (("a*b", "min"), "prefix that ends in"),
        (("*x", "min"), "prefix that ends in"),
        (("", "min"), "neither a metric's name"),
        ((5, "min"), "neither a metric's name"),
    ],
)
def test_definitions_that_mean_nothing_are_refused(arguments: Any, message: str, offline: Offline) -> None:
    run = offline()
    with pytest.raises(trialog.UsageError, match=message):
        run.define_metric(*arguments)
    run.log({"a": 1})
    assert run.summary["a"] == 1


def test_a_definition_is_returned(offline: Offline) -> None:
    assert offline().define_metric("a", "min,max") == trialog.Metric("a", "min,max")
