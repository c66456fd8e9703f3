"""
Points in columns: the form in which values travel from ingest through storage to the series query.

A value is an eight-byte word and a code that says how to read it, so that every value comes back as it was
logged: a float as the same bits, an int as an int, a bool as a bool. Anything else (text, lists, maps, None,
integers beyond 64 bits) is an object, and its word is its place in ``objects``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Codes = NDArray[np.uint8]

FLOAT, INT, BOOL, OBJECT = 0, 1, 2, 3

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


@dataclass
class Values:
    """Values of one metric in the order in which they were written."""

    words: Int64
    codes: Codes
    objects: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, values: Sequence[Any]) -> Values:
        """Encode Python values."""
        kinds = set(map(type, values))
        if kinds == {float}:
            return cls(np.array(values, np.float64).view(np.int64), np.full(len(values), FLOAT, np.uint8))
        if kinds == {bool}:
            return cls(np.array(values, np.int64), np.full(len(values), BOOL, np.uint8))
        if kinds == {int} and min(values) >= _INT_MIN and max(values) <= _INT_MAX:
            return cls(np.array(values, np.int64), np.full(len(values), INT, np.uint8))
        return cls._of_mixed(values)

    @classmethod
    def _of_mixed(cls, values: Sequence[Any]) -> Values:
        words = np.zeros(len(values), np.int64)
        floats = words.view(np.float64)
        codes = np.empty(len(values), np.uint8)
        objects: list[Any] = []
        for i, value in enumerate(values):
            if type(value) is float:
                codes[i], floats[i] = FLOAT, value
            elif type(value) is bool:
                codes[i], words[i] = BOOL, value
            elif type(value) is int and _INT_MIN <= value <= _INT_MAX:
                codes[i], words[i] = INT, value
            else:
                codes[i], words[i] = OBJECT, len(objects)
                objects.append(value)
        return cls(words, codes, objects)

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, i: int) -> Any:
        code = self.codes[i]
        if code == FLOAT:
            return float(self.words.view(np.float64)[i])
        if code == INT:
            return int(self.words[i])
        return bool(self.words[i]) if code == BOOL else self.objects[self.words[i]]

    def tolist(self) -> list[Any]:
        """Return the Python values as they were logged."""
        code = self.uniform
        if code == FLOAT:
            floats: list[Any] = self.words.view(np.float64).tolist()
            return floats
        if code == INT:
            ints: list[Any] = self.words.tolist()
            return ints
        return [self[i] for i in range(len(self))]

    @property
    def uniform(self) -> int | None:
        """The code that all values share, or None when they differ or there are none."""
        if not len(self.codes):
            return None
        first = int(self.codes[0])
        return first if bool((self.codes == first).all()) else None

    @property
    def numeric(self) -> NDArray[np.bool_]:
        """Which values are numbers (bools included)."""
        mask: NDArray[np.bool_] = self.codes != OBJECT
        return mask

    def numbers(self) -> Float64:
        """Return the values as float64; objects are NaN."""
        code = self.uniform
        if code == FLOAT:
            return self.words.view(np.float64)
        if code in (INT, BOOL):
            return self.words.astype(np.float64)
        mixed = np.where(self.codes == FLOAT, self.words.view(np.float64), self.words.astype(np.float64))
        return np.where(self.codes == OBJECT, np.nan, mixed)

    def take(self, index: NDArray[Any] | slice) -> Values:
        """Return the values at ``index`` (positions, a mask or a slice); objects are renumbered."""
        words, codes = self.words[index], self.codes[index]
        if not self.objects:
            return Values(words, codes)
        words = words.copy()
        places = np.flatnonzero(codes == OBJECT)
        objects = [self.objects[words[i]] for i in places]
        words[places] = np.arange(len(objects))
        return Values(words, codes, objects)

    @classmethod
    def concat(cls, parts: Sequence[Values]) -> Values:
        """Join values in order."""
        if len(parts) == 1:
            return parts[0]
        words: list[Int64] = []
        objects: list[Any] = []
        for part in parts:
            shifted = part.words
            if part.objects and objects:
                shifted = np.where(part.codes == OBJECT, part.words + len(objects), part.words)
            words.append(shifted)
            objects.extend(part.objects)
        return cls(np.concatenate(words), np.concatenate([p.codes for p in parts]), objects)


@dataclass
class Column:
    """
    Points of one metric in commit order.

    ``times`` are wall-clock microseconds; ``origins`` are ``times`` minus the run's own running time, which
    hardly ever changes and therefore costs nothing to store.
    """

    steps: Int64
    times: Int64
    origins: Int64
    values: Values

    def __len__(self) -> int:
        return len(self.steps)

    def take(self, index: NDArray[Any] | slice) -> Column:
        """Return the points at ``index``."""
        return Column(self.steps[index], self.times[index], self.origins[index], self.values.take(index))

    @classmethod
    def concat(cls, parts: Sequence[Column]) -> Column:
        """Join columns in order."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            nothing = np.empty(0, np.int64)
            return cls(nothing, nothing, nothing, Values.of([]))
        return cls(
            np.concatenate([p.steps for p in parts]),
            np.concatenate([p.times for p in parts]),
            np.concatenate([p.origins for p in parts]),
            Values.concat([p.values for p in parts]),
        )

    def latest(self) -> Column:
        """Return the points in step order; of several at one step only the one written last."""
        steps = self.steps
        if len(steps) < 2 or bool((steps[1:] > steps[:-1]).all()):
            return self
        order = np.argsort(steps, kind="stable")
        ordered = steps[order]
        keep = np.append(ordered[1:] != ordered[:-1], True)
        return self.take(order[keep])


@dataclass
class Block:
    """
    The rows of one accepted request: what all metrics of a row share, once, and the metrics beside it.

    ``cells`` maps a metric (its name, or in storage its number) to the rows that hold it, ascending, and
    their values.
    """

    steps: Int64
    times: Int64
    origins: Int64
    cells: dict[Any, tuple[NDArray[np.uint32], Values]]

    def __len__(self) -> int:
        return len(self.steps)

    def column(self, key: Any) -> Column:
        """Return the points of one metric."""
        rows, values = self.cells[key]
        if len(rows) == len(self):
            return Column(self.steps, self.times, self.origins, values)
        return Column(self.steps[rows], self.times[rows], self.origins[rows], values)

    @classmethod
    def concat(cls, blocks: Sequence[Block]) -> Block:
        """Join the rows of several blocks in order."""
        if len(blocks) == 1:
            return blocks[0]
        parts: dict[Any, list[tuple[NDArray[np.uint32], Values]]] = {}
        start = 0
        for block in blocks:
            for key, (rows, values) in block.cells.items():
                parts.setdefault(key, []).append(((rows + start).astype(np.uint32), values))
            start += len(block)
        cells = {
            key: (np.concatenate([r for r, _ in found]), Values.concat([v for _, v in found]))
            for key, found in parts.items()
        }
        return cls(
            np.concatenate([b.steps for b in blocks]),
            np.concatenate([b.times for b in blocks]),
            np.concatenate([b.origins for b in blocks]),
            cells,
        )


class RowCollector:
    """Gathers rows one by one and turns them into a block."""

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._times: list[int] = []
        self._origins: list[int] = []
        self._cells: dict[str, tuple[list[int], list[Any]]] = {}

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, step: int, time_us: int, origin_us: int, leaves: Iterable[tuple[str, Any]]) -> None:
        """Append one row of flat metrics."""
        row = len(self._steps)
        cells = self._cells
        for key, value in leaves:
            cell = cells.get(key)
            if cell is None:
                cell = cells[key] = ([], [])
            if cell[0] and cell[0][-1] == row:
                cell[1][-1] = value  # {"a.b": 1, "a": {"b": 2}} names one metric twice: the later one counts
            else:
                cell[0].append(row)
                cell[1].append(value)
        self._steps.append(step)
        self._times.append(time_us)
        self._origins.append(origin_us)

    def block(self) -> Block:
        """Return what was gathered."""
        return Block(
            np.array(self._steps, np.int64),
            np.array(self._times, np.int64),
            np.array(self._origins, np.int64),
            {key: (np.array(rows, np.uint32), Values.of(v)) for key, (rows, v) in self._cells.items()},
        )
