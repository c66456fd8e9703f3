"""The run that a user holds: a thin face over the agent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from trialog._aggregates import OPS
from trialog._config import Config
from trialog._errors import UsageError
from trialog._messages import Messages
from trialog._summary import Summary
from trialog._values import snapshot

if TYPE_CHECKING:
    from trialog.agent import FinishReport

#: Seconds that finish() waits for the upload when an exception ends the run.
FAILED_TIMEOUT_S = 10.0
#: Leaves room to count on in 64 bits.
MAX_STEP = 2**62


class Recorder(Protocol):
    """What a run needs of the agent, or of what stands in for it in disabled mode."""

    put: Callable[[Any], None]

    def ask(self, answer: Callable[[Any], Any]) -> Any:
        """Return ``answer(journal)`` once every earlier call was applied."""

    def finish(self, exit_code: int, timeout_s: float) -> FinishReport:
        """End the run within the time; called again, only report."""

    def abandon(self) -> None:
        """Forget everything, in a forked child."""


@dataclass(frozen=True)
class Identity:
    """What is fixed about a run when it starts."""

    id: str
    project: str
    entity: str | None
    name: str
    group: str | None
    job_type: str | None
    tags: tuple[str, ...]
    notes: str | None
    mode: str
    directory: Path
    base_url: str | None
    finish_timeout_s: float


@dataclass(frozen=True)
class Metric:
    """A definition made by :meth:`Run.define_metric`."""

    name: str
    summary: str | None


class Run:
    """
    One run: rows, config and summary of one training. Made by :func:`trialog.init`.

    Its methods may be called from any thread. ``with trialog.init(...) as run:`` finishes it at the end of the
    block, as failed if an exception leaves the block.
    """

    def __init__(
        self, identity: Identity, recorder: Recorder, messages: Messages, on_finish: Callable[[Run], None]
    ) -> None:
        self.config = Config(self._change_config)
        self.summary = Summary(self._read_summary, self._change_summary)
        self._identity = identity
        self._recorder = recorder
        self._messages = messages
        self._on_finish = on_finish
        self._finished = False
        self._started_at = time.time()

    def log(self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        """
        Log a row of metrics. Returns at once; the disk and the network are the agent's business.

        Args:
            data: names to values. Numbers become curves; anything else is kept as it is or as its text.
            step: the step of the row; without it rows are numbered from 0. A step below the current one is
                kept too, and the last value of a metric at a step wins.
            commit: False keeps the row open for the next call. Default: True without a step, else the row is
                closed when a later step comes.

        Raises:
            UsageError: ``data`` is no mapping with text names, ``step`` no integer, or the run is finished.
        """
        row = snapshot(data)
        if step is not None and (type(step) is not int or not -MAX_STEP <= step <= MAX_STEP):
            step = _as_step(step)
        if self._finished:
            self._refuse()
        self._recorder.put((monotonic_ns(), row, step, commit))

    def define_metric(self, name: str, summary: str | None = None, overwrite: bool = False) -> Metric:
        """
        Choose what the summary shows for a metric.

        Args:
            name: a metric's name, or a prefix and ``*`` such as ``"val/*"``.
            summary: ``min``, ``max``, ``mean``, ``last``, ``first`` or ``none``, several separated by commas.
                It counts for what was logged before, too.
            overwrite: replace an earlier definition instead of adding to it.

        Raises:
            UsageError: an unknown operation, or a ``*`` that is not at the end.
        """
        if not isinstance(name, str) or not name or "*" in name[:-1]:
            raise UsageError(f"{name!r} is neither a metric's name nor a prefix that ends in *")
        ops = [op.strip().lower() for op in (summary or "").split(",") if op.strip()]
        unknown = [op for op in ops if op not in OPS]
        if unknown:
            raise UsageError(f"summary={summary!r}: {unknown[0]!r} is none of {', '.join(OPS)}")
        if self._finished:
            self._refuse()
        if ops or overwrite:
            from trialog.agent import Define

            self._recorder.put(Define(name, ops, overwrite))
        return Metric(name, ",".join(ops) or None)

    def finish(self, exit_code: int | None = None) -> None:
        """
        End the run: write everything to disk, then upload for at most ``finish_timeout`` seconds.

        What is not uploaded by then is safe in the run's directory, and the command that sends it is printed.
        Calling it again does nothing.

        Args:
            exit_code: 0 (default) makes the run "finished", anything else "failed".
        """
        if self._finished:
            return
        if exit_code is not None and not isinstance(exit_code, int):
            raise UsageError(f"an exit code is an integer, not {exit_code!r}; the run goes on")
        code = int(exit_code or 0)
        self._finished = True
        timeout_s = self._identity.finish_timeout_s
        self._on_finish(self)
        try:
            self._recorder.finish(code, timeout_s if code == 0 else min(timeout_s, FAILED_TIMEOUT_S))
        finally:
            # Also when Ctrl-C cut the wait short: what is left, and how to send it, is said all the same.
            report = self._recorder.finish(code, 0.0)
            self._messages.finished(self, report, code, time.time() - self._started_at)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(0 if kind is None else 1)

    def __repr__(self) -> str:
        return f"<trialog run {self.name!r} ({self.id}) in project {self.project!r}>"

    @property
    def id(self) -> str:
        """The run's id; with the project it names the run for ever."""
        return self._identity.id

    @property
    def name(self) -> str:
        """The name shown to people."""
        return self._identity.name

    @property
    def project(self) -> str:
        """The project the run belongs to."""
        return self._identity.project

    @property
    def entity(self) -> str:
        """The user or team that owns the project; "" while only the server knows."""
        return self._identity.entity or ""

    @property
    def group(self) -> str:
        """The group the run belongs to, or ""."""
        return self._identity.group or ""

    @property
    def job_type(self) -> str:
        """What the run does within its group, or ""."""
        return self._identity.job_type or ""

    @property
    def tags(self) -> tuple[str, ...]:
        """The run's tags."""
        return self._identity.tags

    @property
    def notes(self) -> str | None:
        """The longer text about the run."""
        return self._identity.notes

    @property
    def dir(self) -> str:
        """Absolute path of the folder for the run's files; in disabled mode it does not exist."""
        return str(self._identity.directory / "files")

    @property
    def offline(self) -> bool:
        """Whether the run stays on disk until ``trialog sync``."""
        return self._identity.mode == "offline"

    @property
    def disabled(self) -> bool:
        """Whether the run records nothing."""
        return self._identity.mode == "disabled"

    @property
    def url(self) -> str | None:
        """Address of the run's page; None for a run that is not online."""
        base_url = self._identity.base_url
        if base_url is None:
            return None
        entity, project = quote(self._identity.entity or "me", safe=""), quote(self.project, safe="")
        return f"{base_url}/{entity}/{project}/runs/{quote(self.id, safe='')}"

    @property
    def step(self) -> int:
        """The step at which the next ``log`` without a step lands; counts every earlier ``log``."""
        step = self._recorder.ask(lambda journal: journal.rules.step)
        return int(step or 0)

    def _abandon(self) -> None:
        """In a forked child: log() and finish() of this copy do nothing; the parent's run is not touched."""
        self._recorder.abandon()
        # The parent tells how its run ends.
        self._messages = Messages(silent=True)

    def _refuse(self) -> None:
        raise UsageError(f"run {self.id} is finished: what was logged before is safe, this call was not kept")

    def _change_config(self, changed: dict[str, Any], deleted: list[str]) -> None:
        self._change("config", changed, deleted)

    def _change_summary(self, changed: dict[str, Any], deleted: list[str]) -> None:
        self._change("summary", changed, deleted)

    def _change(self, target: str, changed: dict[str, Any], deleted: list[str]) -> None:
        from trialog.agent import Change

        if self._finished:
            self._refuse()
        self._recorder.put(Change(target, changed, deleted))

    def _read_summary(self) -> dict[str, Any]:
        return self._recorder.ask(lambda journal: journal.summary.shown()) or {}


def _as_step(step: Any) -> int:
    """Return a step given as some integer type (numpy's, say) as an int."""
    if isinstance(step, bool) or not hasattr(step, "__index__"):
        raise UsageError(f"a step is an integer, not {step!r}; nothing was logged")
    number = int(step.__index__())
    if abs(number) > MAX_STEP:
        raise UsageError(f"a step lies between -2**62 and 2**62, not at {step!r}; nothing was logged")
    return number
