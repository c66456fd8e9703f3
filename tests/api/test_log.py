"""log(): what becomes a row, and what is refused."""

from __future__ import annotations

import collections
import time
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import trialog

Rows = Callable[[trialog.Run], dict[int, dict[str, Any]]]
Offline = Callable[..., trialog.Run]


@pytest.mark.parametrize(
    ("calls", "expected", "next_step"),
    [
        ([({"a": 1},), ({"a": 2},)], {0: {"a": 1}, 1: {"a": 2}}, 2),
        ([({"a": 1}, None, False), ({"b": 2},)], {0: {"a": 1, "b": 2}}, 1),
        ([({"a": 1}, 10), ({"b": 2}, 10), ({"c": 3},)], {10: {"a": 1, "b": 2, "c": 3}}, 11),
        ([({"a": 1}, 10), ({"a": 2}, 5)], {5: {"a": 2}, 10: {"a": 1}}, 10),
        ([({"a": 1}, 10), ({"a": 2}, 10)], {10: {"a": 2}}, 10),
        ([({"a": 1}, 11, True), ({"b": 2}, 11)], {11: {"a": 1, "b": 2}}, 12),
        ([({}, 20), ({"a": 1},)], {20: {"a": 1}}, 21),
        ([({},), ({"a": 1},)], {0: {}, 1: {"a": 1}}, 2),
        ([({"m": {"a": 1}}, 0), ({"m": {"b": 2}}, 0)], {0: {"m.a": 1, "m.b": 2}}, 0),
        ([({"a": 1}, np.int64(60))], {60: {"a": 1}}, 60),
        ([({"a": 1}, 2**62)], {2**62: {"a": 1}}, 2**62),
        ([({"_step": 99, "a": 1},)], {0: {"a": 1}}, 1),
    ],
)
def test_where_rows_land(
    calls: list[Any], expected: dict[int, Any], next_step: int, offline: Offline, rows: Rows
) -> None:
    run = offline()
    for call in calls:
        run.log(*call)
    assert run.step == next_step
    run.finish()
    assert rows(run) == expected


@pytest.mark.parametrize("row", [{"a": 1}, collections.OrderedDict(a=1), types.MappingProxyType({"a": 1})])
def test_any_mapping_is_a_row(row: Any, offline: Offline, rows: Rows) -> None:
    run = offline()
    run.log(row)
    run.finish()
    assert rows(run) == {0: {"a": 1}}


def test_names_may_hold_anything_but_nothing(offline: Offline, rows: Rows) -> None:
    run = offline()
    row = {"train/loss": 1, "größe": 2, "a b": 3, "emoji 🎉": 4, "x" * 500: 5}
    run.log({**row, "": 6})
    run.log({**row, "": [6]})
    run.finish()
    assert rows(run) == {0: row, 1: row | {}}


def test_a_row_is_a_snapshot_of_the_call(offline: Offline, rows: Rows) -> None:
    run = offline()
    array, values, inner = np.ones(3), [1, 2], {"b": {"c": 1}}
    row = {"array": array, "list": values, "inner": inner, "number": 1}
    run.log(row)
    array[:] = 9
    values.append(3)
    inner["b"]["c"] = 2
    row["number"] = 2
    row["late"] = 1
    run.finish()
    assert rows(run) == {0: {"array": [1.0, 1.0, 1.0], "list": [1, 2], "inner.b.c": 1, "number": 1}}


def test_times_are_those_of_the_call(offline: Offline, stored: Callable[..., Any]) -> None:
    run = offline()
    before = time.time()
    run.log({"a": 1})
    after = time.time()
    time.sleep(0.05)
    run.log({"a": 2})
    run.finish()
    first, second = stored(run).scan_history()
    assert before - 0.02 <= first["_timestamp"] <= after + 0.02
    assert second["_runtime"] - first["_runtime"] >= 0.045
    assert second["_timestamp"] - first["_timestamp"] >= 0.03


def test_a_timestamp_of_the_user_is_kept(offline: Offline, stored: Callable[..., Any]) -> None:
    run = offline()
    run.log({"a": 1, "_timestamp": 1234.5})
    run.finish()
    assert next(stored(run).scan_history())["_timestamp"] == 1234.5


MISUSE: list[tuple[tuple[Any, ...], str]] = [
    (([1, 2],), "takes a dict of names and values, not list"),
    ((None,), "not NoneType"),
    (("loss",), "not str"),
    (({1: 2},), "metric names are text, not int"),
    (({"a": [1], 2: 3},), "metric names are text, not int"),
    (({"a": 1}, "70"), "a step is an integer"),
    (({"a": 1}, 50.0), "a step is an integer"),
    (({"a": 1}, True), "a step is an integer"),
    (({"a": 1}, 2**64), "step"),
    (({"a": 1}, -(2**64)), "step"),
]


@pytest.mark.parametrize(("call", "message"), MISUSE, ids=lambda value: repr(value)[:40])
def test_misuse_raises_and_loses_nothing(call: tuple[Any, ...], message: str, offline: Offline, rows: Rows) -> None:
    run = offline()
    run.log({"before": 1})
    with pytest.raises(trialog.UsageError, match=message):
        run.log(*call)
    run.log({"after": 1})
    run.finish()
    assert rows(run) == {0: {"before": 1}, 1: {"after": 1}}


def test_logging_after_finish_raises_and_says_that_the_rest_is_safe(offline: Offline, rows: Rows) -> None:
    run = offline()
    run.log({"a": 1})
    run.finish()
    for use in (
        lambda: run.log({"a": 2}),
        lambda: run.config.update({"a": 2}),
        lambda: run.summary.update({"a": 2}),
        lambda: run.define_metric("a", "min"),
    ):
        with pytest.raises(trialog.UsageError, match=f"run {run.id} is finished: what was logged before is safe"):
            use()
    assert rows(run) == {0: {"a": 1}}
    assert run.summary["a"] == 1
    assert run.step == 1
    run.finish()


@pytest.mark.parametrize(
    "use",
    [
        lambda: trialog.log({"a": 1}),
        lambda: trialog.config["a"],
        lambda: trialog.summary["a"],
        lambda: trialog.define_metric("a"),
    ],
)
def test_use_before_init_says_so(use: Callable[[], Any]) -> None:
    with pytest.raises(trialog.UsageError, match=r"call trialog\.init\(\) before"):
        use()
    assert trialog.run is None
    trialog.finish()


def test_the_same_random_numbers_come_with_and_without_a_run(offline: Offline) -> None:
    import random

    random.seed(3)
    np.random.seed(3)
    expected = (random.random(), np.random.rand())
    random.seed(3)
    np.random.seed(3)
    run = offline()
    run.log({"a": np.zeros(100)})
    run.finish()
    assert (random.random(), np.random.rand()) == expected
