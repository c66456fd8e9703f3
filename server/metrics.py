"""The metrics of a run while a batch changes it: their numbers, aggregates, definitions, and the summary."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from trialog._aggregates import Aggregate, is_number, ops_for
from trialog.server.columns import Block
from trialog.server.draft import RunDraft
from trialog.server.storage.aggregates import fold, forget_aggregates, load_aggregates, store_aggregates
from trialog.server.storage.projects import ensure_keys, key_numbers, run_keys
from trialog.server.wire import plain

SYSTEM_PREFIX = "system/"


class RunMetrics:
    """Loads what is asked for once, and writes aggregates back once."""

    def __init__(self, connection: Connection, draft: RunDraft) -> None:
        self._connection = connection
        self._draft = draft
        self._key_ids: dict[str, int] = {}
        self._aggregates: dict[int, Aggregate] = {}
        self._stored: set[int] = set()

    def number(self, block: Block) -> None:
        """Learn the numbers of a block's metrics, which makes those that the project does not have yet."""
        kinds = {name: bool(v.numeric.any()) for name, (_, v) in block.cells.items()}
        self._key_ids |= ensure_keys(self._connection, self._draft["project_id"], kinds)

    def numbered(self, block: Block) -> Block:
        """Return the block in its stored form, with numbers for names."""
        cells = {self._key_ids[name]: cell for name, cell in block.cells.items()}
        return Block(block.steps, block.times, block.origins, cells)

    def add(self, block: Block) -> None:
        """Fold a block into the aggregates and show the outcome in the summary."""
        self.number(block)
        wanted = {name: self._key_ids[name] for name in block.cells}
        self._load(list(wanted.values()))
        ops = self._ops()
        for name, key_id in wanted.items():
            aggregate = self._aggregates.setdefault(key_id, Aggregate())
            fold(aggregate, block.column(name))
            value = None if name.startswith(SYSTEM_PREFIX) else aggregate.shown(ops_for(name, ops))
            if value is not None:
                self._show(name, value)

    def define(self, body: dict[str, Any]) -> None:
        """Take a metric definition; what it shows changes at once, except for values set by hand."""
        before = self._ops()
        self._draft.document("definitions")[body["name"]] = plain(body)
        after = self._ops()
        for name, aggregate in self._matching(body["name"]).items():
            value = aggregate.shown(ops_for(name, after))
            if value is not None:
                self._show(name, value)
            elif self._draft["summary"].get(name) == plain(aggregate.shown(ops_for(name, before))):
                self._draft.document("summary").pop(name, None)

    def start_over(self) -> None:
        """Forget all aggregates: a new attempt has none."""
        forget_aggregates(self._connection, self._draft["id"])
        self._aggregates.clear()
        self._stored.clear()

    def save(self) -> None:
        """Write the aggregates that were folded into."""
        store_aggregates(self._connection, self._draft["id"], self._aggregates, self._stored)

    def _matching(self, pattern: str) -> dict[str, Aggregate]:
        """Return the aggregates of the run's metrics that a definition may be for."""
        project_id, run_id = self._draft["project_id"], self._draft["id"]
        if pattern.endswith("*"):
            self._key_ids |= run_keys(self._connection, run_id)
            names = [name for name in self._key_ids if name.startswith(pattern[:-1])]
        else:
            self._key_ids |= key_numbers(self._connection, project_id, [pattern])
            names = [pattern] if pattern in self._key_ids else []
        wanted = {name: self._key_ids[name] for name in names if not name.startswith(SYSTEM_PREFIX)}
        self._load(list(wanted.values()))
        return {name: self._aggregates[k] for name, k in wanted.items() if k in self._aggregates}

    def _load(self, key_ids: list[int]) -> None:
        missing = [key_id for key_id in key_ids if key_id not in self._aggregates]
        loaded = load_aggregates(self._connection, self._draft["id"], missing)
        self._aggregates |= loaded
        self._stored |= loaded.keys()

    def _ops(self) -> dict[str, list[str]]:
        definitions: dict[str, dict[str, Any]] = self._draft["definitions"]
        return {name: body.get("summary") or [] for name, body in definitions.items()}

    def _show(self, name: str, value: Any) -> None:
        summary = self._draft.document("summary")
        statistics = isinstance(value, dict) and "_type" not in value
        if is_number(value) or isinstance(value, str) or statistics:
            summary[name] = plain(value)
        else:
            summary.pop(name, None)
