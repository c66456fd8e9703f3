"""
init(), finish() and the active run: the only state of this process.

Hooks into the interpreter are set at the first ``init`` and do nothing but finish runs: one before the
interpreter joins its threads (the network still works there), one that notes an uncaught exception and calls
the hook that was there before, one for forked children.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from trialog._config import as_mapping
from trialog._credentials import read_credential
from trialog._errors import SettingsError, TrialogError, UsageError
from trialog._messages import Messages
from trialog._names import make_run_id, make_run_name, make_writer_id
from trialog._run import Identity, Recorder, Run
from trialog._settings import Settings, resolve

_REINIT = ("default", "return_previous", "finish_previous", "create_new")


class Session:
    """The runs of this process; ``active`` is the one that module-level calls mean."""

    def __init__(self) -> None:
        self.active: Run | None = None
        self.exit_code = 0
        self._open: list[Run] = []
        self._inherited: Run | None = None
        self._hooked = False

    def add(self, run: Run, active: bool) -> None:
        """Take a run that has just started."""
        if not self._hooked:
            self._hooked = True
            _hook_into_interpreter(self)
        self._open.append(run)
        if active:
            self.active = run

    def remove(self, run: Run) -> None:
        """Let go of a run that is being finished."""
        if run in self._open:
            self._open.remove(run)
        if self.active is run:
            self.active = None

    def finish_all(self, exit_code: int = 0) -> None:
        """Finish every open run."""
        for run in list(self._open):
            run.finish(exit_code)

    def abandon_all(self) -> None:
        """In a forked child: the runs belong to the parent; log() goes nowhere, init() starts a new run."""
        for run in self._open:
            run._abandon()
        self._open.clear()
        self._inherited = self.active

    @property
    def own(self) -> Run | None:
        """The active run, if this process started it."""
        return None if self.active is self._inherited else self.active


_session = Session()


def current() -> Run | None:
    """Return the active run, or None."""
    return _session.active


def require_run(what: str) -> Run:
    """
    Return the active run.

    Raises:
        UsageError: there is none; ``what`` names the call that needs it.
    """
    if _session.active is None:
        raise UsageError(f"call trialog.init() before {what}")
    return _session.active


def init(
    project: str | None = None,
    *,
    entity: str | None = None,
    name: str | None = None,
    id: str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    tags: Sequence[str] | None = None,
    notes: str | None = None,
    config: Any = None,
    dir: str | os.PathLike[str] | None = None,
    mode: str | None = None,
    reinit: str | bool | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
) -> Run:
    """
    Start a run and make it the active one. Does not wait for any network.

    Args:
        project: the project it belongs to. Default: the setting, else ``"uncategorized"``.
        entity: the user or team that owns the project. Default: the owner of the API key.
        name: a name for people. Default: adjective-noun-number.
        id: the run's id. Default: eight random letters and digits.
        group: name of a group of runs.
        job_type: what the run does within its group.
        tags: short words to find it by.
        notes: a longer text.
        config: the parameters: a mapping, or an object with attributes.
        dir: folder in which ``trialog-runs/`` is made. Default: the working directory.
        mode: "online", "offline" ("dryrun") or "disabled". Default: online if a server is known.
        reinit: what happens when a run is active: "return_previous" (the default in a script),
            "finish_previous" (the default in a notebook), or "create_new", which starts this one beside it
            and leaves the active run as it is.
        settings: further settings, as :class:`trialog.Settings` or a mapping.

    Raises:
        UsageError: an argument that cannot mean anything.
        SettingsError: a setting that is unknown or has a wrong value.
    """
    parameters = None if config is None else as_mapping(config)
    policy = _reinit_policy(reinit)
    if _session.own is not None and policy == "return_previous":
        return _session.own
    if policy == "finish_previous":
        _session.finish_all()
    arguments = {
        "project": project,
        "entity": entity,
        "name": name,
        "run_id": id,
        "run_group": group,
        "job_type": job_type,
        "tags": tags,
        "notes": notes,
        "dir": os.fspath(dir) if dir is not None else None,
        "mode": mode,
    }
    given = settings.given if isinstance(settings, Settings) else (settings or {})
    run = _start(resolve(arguments, given))
    _session.add(run, active=policy != "create_new")
    if parameters is not None:
        run.config.update(parameters)
    return run


def finish(exit_code: int | None = None) -> None:
    """Finish the active run; without one, do nothing. See :meth:`trialog.Run.finish`."""
    if _session.active is not None:
        _session.active.finish(exit_code)


def _reinit_policy(reinit: str | bool | None) -> str:
    if isinstance(reinit, bool):
        return "finish_previous" if reinit else "return_previous"
    policy = reinit or "default"
    if policy not in _REINIT:
        raise UsageError(f"reinit={reinit!r} is none of {', '.join(_REINIT)}")
    if policy == "default":
        return "finish_previous" if _in_notebook() else "return_previous"
    return policy


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def _start(settings: Settings) -> Run:
    messages = Messages(settings.silent)
    mode = settings.mode or ("online" if settings.base_url else "offline")
    if mode == "online" and settings.base_url is None:
        raise UsageError(
            "mode='online' needs a server: set TRIALOG_BASE_URL, run `trialog login ADDRESS`, or start one with "
            "`trialog server`"
        )
    if mode == "disabled":
        return _start_disabled(settings, messages)
    from trialog.agent import Agent, RunSpec, count_runs, create_run_directory

    run_id = settings.run_id or make_run_id()
    root = Path(settings.dir).expanduser()
    try:
        directory, moved = create_run_directory(root, run_id)
    except TrialogError as error:
        messages.say(f"{error}. This run is not recorded; the training goes on without it")
        return _start_disabled(settings, messages)
    if moved:
        messages.say(moved)
    base_url = settings.base_url if mode == "online" else None
    user, api_key = _credentials(settings, base_url, messages)
    name = settings.name or make_run_name(count_runs(root) or 1)
    identity = _identify(settings, run_id, name, mode, directory, base_url, user)
    spec = RunSpec(
        run_id,
        identity.project,
        identity.entity,
        name,
        identity.group,
        identity.job_type,
        identity.tags,
        identity.notes,
        directory,
        make_writer_id(),
        base_url,
        api_key,
    )
    try:
        agent = Agent(spec, settings)
        agent.start()
    except RuntimeError as error:
        # No thread to be had: a limit of the system, or a subinterpreter.
        messages.say(f"{error}. This run is not recorded; the training goes on without it")
        return _start_disabled(settings, messages)
    run = Run(identity, agent, messages, _session.remove)
    messages.started(run, directory)
    return run


def _start_disabled(settings: Settings, messages: Messages) -> Run:
    from trialog._disabled import DisabledRecorder

    run_id = settings.run_id or make_run_id()
    directory = Path(settings.dir).expanduser().absolute() / "trialog-runs" / f"run-disabled-{run_id}"
    name = settings.name or f"dummy-{run_id}"
    identity = _identify(settings, run_id, name, "disabled", directory, None, None)
    recorder: Recorder = DisabledRecorder()
    return Run(identity, recorder, messages, _session.remove)


def _identify(
    settings: Settings,
    run_id: str,
    name: str,
    mode: str,
    directory: Path,
    base_url: str | None,
    user: str | None,
) -> Identity:
    return Identity(
        id=run_id,
        project=settings.project or "uncategorized",
        entity=settings.entity or user,
        name=name,
        group=settings.run_group,
        job_type=settings.job_type,
        tags=settings.tags,
        notes=settings.notes,
        mode=mode,
        directory=directory,
        base_url=base_url,
        finish_timeout_s=settings.finish_timeout,
    )


def _credentials(settings: Settings, base_url: str | None, messages: Messages) -> tuple[str | None, str | None]:
    """Return the user and key for a server; without one the upload waits, and says so once."""
    if base_url is None or settings.api_key:
        return None, settings.api_key
    try:
        stored = read_credential(base_url)
    except SettingsError as error:
        messages.say(f"{error}; the run is kept on disk meanwhile")
        return None, None
    if stored is None:
        messages.say(f"no API key for {base_url}; run `trialog login {base_url}`. The run is kept on disk")
        return None, None
    return stored.user, stored.api_key


def _hook_into_interpreter(session: Session) -> None:
    # Imported before the hook below is registered: the thread pool's own exit hook then runs after ours.
    import concurrent.futures.thread  # noqa: F401

    register: Callable[[Callable[[], None]], object] = getattr(threading, "_register_atexit", atexit.register)
    register(lambda: session.finish_all(session.exit_code))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=session.abandon_all)
    previous = sys.excepthook

    def note_and_pass_on(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        session.exit_code = 255 if issubclass(kind, KeyboardInterrupt) else 1
        previous(kind, error, trace)

    sys.excepthook = note_and_pass_on
