"""What importing and starting trialog does to a process, seen from a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

Script = Callable[..., subprocess.CompletedProcess[str]]


def test_importing_starts_nothing_and_loads_nothing_heavy(script: Script) -> None:
    done = script(
        """
        import os, sys, threading, signal, warnings, logging, random
        before = (sys.excepthook, threading.excepthook, warnings.filters[:], logging.root.handlers[:],
                  random.getstate(), dict(os.environ), [signal.getsignal(n) for n in (2, 15)])
        import trialog
        after = (sys.excepthook, threading.excepthook, warnings.filters[:], logging.root.handlers[:],
                 random.getstate(), dict(os.environ), [signal.getsignal(n) for n in (2, 15)])
        assert before == after
        assert threading.active_count() == 1
        heavy = {"asyncio", "aiohttp", "aiofiles", "numpy", "pandas", "psutil", "sqlalchemy", "alembic", "pynvml",
                 "multiprocessing", "concurrent.futures"}
        print(sorted(name for name in sys.modules if name in heavy or name.startswith("trialog.server")
                     or name.startswith("trialog.agent")))
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
    assert done.stderr == ""


def test_an_offline_run_loads_no_http_client_and_no_numpy(script: Script) -> None:
    done = script(
        """
        import sys, trialog
        with trialog.init(mode="offline", settings={"silent": True}) as run:
            run.log({"a": 1, "list": [1, 2]})
        print([name for name in ("aiohttp", "numpy", "trialog.server") if name in sys.modules])
        """
    )
    assert done.stdout == "[]\n", done.stderr


def test_a_run_leaves_the_host_programs_state_as_it_was(script: Script) -> None:
    done = script(
        """
        import asyncio, locale, logging, os, random, signal, sys, trialog
        state = lambda: (random.getstate(), locale.setlocale(locale.LC_ALL), dict(os.environ), os.getcwd(),
                         logging.root.handlers[:], [signal.getsignal(n) for n in (2, 15)], sys.getswitchinterval())
        before = state()
        with trialog.init(mode="offline", settings={"silent": True}) as run:
            run.log({"a": 1})
        assert state() == before
        async def main():
            with trialog.init(mode="offline", settings={"silent": True}) as run:
                run.log({"a": 1})
                return run.summary["a"]
        assert asyncio.run(main()) == 1
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_every_public_name_is_there_and_documented() -> None:
    import inspect

    import trialog

    assert sorted(trialog.__all__) == trialog.__all__
    for name in set(trialog.__all__) - {"run", "config", "summary"}:
        value = getattr(trialog, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name
    assert trialog.run is None


def test_errors_have_one_root() -> None:
    import trialog

    for name in trialog.__all__:
        value = getattr(trialog, name) if name not in ("config", "summary") else None
        if isinstance(value, type) and issubclass(value, Exception):
            assert issubclass(value, trialog.TrialogError)
