from __future__ import annotations

import math
import random
import struct
from typing import Any

import numpy as np
import pytest

from trialog._aggregates import Aggregate
from trialog._errors import CorruptLogError
from trialog.server.columns import Block, Column, RowCollector, Values
from trialog.server.storage.aggregates import fold
from trialog.server.storage.codec import (
    decode_steady,
    decode_tail,
    decode_values,
    encode_steady,
    encode_tail,
    encode_values,
)

ODD = [
    0.0, -0.0, 1.5, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, 0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63),
    2**64 - 1, True, False, None, "", "text", "ü\x00", [], [1, 2.5, "x"], {"_type": "image", "n": 1}, b"bytes",
]  # fmt: skip


def same(a: Any, b: Any) -> bool:
    """Equal in type and value; floats bit by bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("<d", a) == struct.pack("<d", b)
    return bool(a == b)


def assert_same(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    assert all(map(same, found, expected)), (found, expected)


@pytest.mark.parametrize("values", [[], ODD, ODD[:7], ODD[7:13], [True, False], [2**64 - 1], ODD * 300, [math.nan]])
def test_values_come_back_exactly_as_they_were(values: list[Any]) -> None:
    assert_same(Values.of(values).tolist(), values)
    assert_same(decode_values(encode_values(Values.of(values))).tolist(), values)


def test_parts_of_values_joined_again_are_the_whole() -> None:
    values = Values.of(ODD * 3)
    parts = [values.take(slice(0, 20)), values.take(slice(20, 21)), values.take(slice(21, None))]
    assert_same(Values.concat(parts).tolist(), ODD * 3)
    assert_same(
        values.take(values.numeric).tolist(), [v for v in ODD * 3 if isinstance(v, (int, float)) and v != 2**64 - 1]
    )


@pytest.mark.parametrize(
    "numbers", [[], [5], [1, 2, 3], [3, 1, 2], [-(2**63), 2**63 - 1, 0, -1], list(range(0, 90_000, 7))]
)
def test_steady_numbers_come_back(numbers: list[int]) -> None:
    assert decode_steady(encode_steady(np.array(numbers, np.int64))).tolist() == numbers


def random_rows(seed: int, n: int) -> list[tuple[int, dict[str, Any]]]:
    source = random.Random(seed)
    return [
        (source.randrange(-5, 50), {f"k{k}": source.choice(ODD) for k in range(6) if source.random() < 0.7})
        for _ in range(n)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_tail_holds_every_cell_of_every_row(seed: int) -> None:
    rows = random_rows(seed, 200)
    blocks = []
    for part in (rows[:70], rows[70:71], rows[71:]):
        collector = RowCollector()
        for step, row in part:
            collector.add(step, step * 3, step - 1, row.items())
        blocks.append(collector.block())
    whole = Block.concat(blocks)
    numbered = Block(whole.steps, whole.times, whole.origins, {int(k[1:]): c for k, c in whole.cells.items()})

    back = decode_tail(encode_tail(numbered))

    assert back.steps.tolist() == [step for step, _ in rows]
    for k in range(6):
        column = back.column(k)
        assert column.steps.tolist() == [step for step, row in rows if f"k{k}" in row]
        assert_same(column.values.tolist(), [row[f"k{k}"] for _, row in rows if f"k{k}" in row])
    assert list(decode_tail(encode_tail(numbered), {3}).cells) == [3]


def test_a_cut_or_foreign_blob_is_reported() -> None:
    with pytest.raises(CorruptLogError, match="unknown format"):
        decode_values(b"\x09nonsense")


def test_the_latest_value_of_each_step_is_kept_in_step_order() -> None:
    steps = np.array([3, 1, 3, 2, 1], np.int64)
    column = Column(steps, steps, steps, Values.of(["a", "b", "c", "d", "e"])).latest()
    assert (column.steps.tolist(), column.values.tolist()) == ([1, 2, 3], ["e", "d", "c"])


@pytest.mark.parametrize("seed", range(30))
def test_a_folded_column_gives_the_aggregate_of_its_points(seed: int) -> None:
    source = random.Random(seed)
    make = [
        lambda: source.choice((source.gauss(0, 1), math.nan, math.inf)),
        lambda: source.randrange(-9, 9),
        lambda: source.choice(ODD),
        lambda: source.random() < 0.5,
    ][seed % 4]
    one_by_one, in_columns, step = Aggregate(), Aggregate(), 0
    for size in (1, 50, 9, 3, 200):
        values = [make() for _ in range(size)]
        steps = [step := step + source.choice((0, 1, 1, 2, -1)) for _ in range(size)]
        for place, value in zip(steps, values, strict=True):
            one_by_one.add(place, value)
        steps_array = np.array(steps, np.int64)
        fold(in_columns, Column(steps_array, steps_array, steps_array, Values.of(values)))
    for op in ("min", "max", "last", "first"):
        assert same(one_by_one.statistic(op), in_columns.statistic(op)), op
    assert one_by_one.statistic("mean") == pytest.approx(in_columns.statistic("mean"), rel=1e-12, nan_ok=True)
    assert (one_by_one.closed, one_by_one.n) == (in_columns.closed, in_columns.n)
