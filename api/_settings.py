"""
The settings: one table that gives arguments, environment variables and their documentation.

A value is looked for in this order: argument, ``TRIALOG_<NAME>``, ``WANDB_<NAME>`` (not for the server's
address and key, so that a script written for wandb never sends its key elsewhere), the settings file, the
default. The environment is read at ``init`` and never written.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trialog._credentials import config_dir, normalise_url
from trialog._errors import SettingsError

_MODES = {
    "online": "online",
    "run": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}


def _text(value: Any) -> str:
    if not isinstance(value, (str, Path)):
        raise ValueError("expected text")
    return str(value)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("", "0", "false", "no", "off"):
        return False
    raise ValueError("expected true or false")


def _seconds(value: Any) -> float:
    number = float(value)
    if not 0 <= number <= 1e9:
        raise ValueError("expected a number of seconds")
    return number


def _interval(value: Any) -> float:
    number = _seconds(value)
    if number < 0.1:
        raise ValueError("expected at least 0.1 seconds")
    return number


def _tags(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(_text(part) for part in value)


def _mode(value: Any) -> str:
    try:
        return _MODES[str(value)]
    except KeyError:
        raise ValueError(f"expected one of {', '.join(_MODES)}") from None


def _project(value: Any) -> str:
    name = _text(value)
    bad = sorted(set(name) & set('/\\#?%:\0"'))
    if bad:
        raise ValueError(f"a project's name cannot hold {' '.join(bad)}")
    if len(name) > 128:
        raise ValueError("a project's name has at most 128 characters")
    return name


def _run_id(value: Any) -> str:
    name = _text(value)
    bad = sorted(set(name) & set("/\\#?%:;,'\0"))
    if bad or not name.strip() or name != name.strip() or name in (".", ".."):
        what = f"cannot hold {' '.join(bad)}" if bad else "is not empty and has no blanks at its ends"
        raise ValueError(f"a run's id {what}")
    if len(name) > 128:
        raise ValueError("a run's id has at most 128 characters")
    return name


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    name: str
    default: Any
    parse: Callable[[Any], Any]
    help: str
    wandb: bool = True

    @property
    def variable(self) -> str:
        """The environment variable that holds this setting."""
        return f"TRIALOG_{self.name.upper()}"


TABLE: tuple[Setting, ...] = (
    Setting("project", None, _project, "project that runs belong to (default: uncategorized)"),
    Setting("entity", None, _text, "user or team that owns the project (default: the owner of the key)"),
    Setting("name", None, _text, "a run's display name (default: adjective-noun-number)"),
    Setting("run_id", None, _run_id, "a run's id (default: eight random letters and digits)"),
    Setting("run_group", None, _text, "name of the group that a run belongs to"),
    Setting("job_type", None, _text, "what a run does within its group, such as train or eval"),
    Setting("tags", (), _tags, "tags of a run; comma separated in the environment"),
    Setting("notes", None, _text, "a longer text about a run"),
    Setting("mode", None, _mode, "online, offline (dryrun) or disabled; default online if a server is known"),
    Setting("dir", ".", _text, "folder in which trialog-runs/ is made"),
    Setting("base_url", None, normalise_url, "address of the server, such as http://127.0.0.1:8642", False),
    Setting("api_key", None, _text, "key for the server (default: the one kept by login or by the server)", False),
    Setting("silent", False, _flag, "print nothing in the terminal"),
    Setting("finish_timeout", 60.0, _seconds, "seconds that finish() waits for the upload at most"),
    Setting("disable_stats", False, _flag, "collect no system statistics"),
    Setting("stats_sampling_interval", 2.0, _interval, "seconds between two samples of system statistics"),
    Setting("stats_interval", 30.0, _interval, "seconds over which system statistics are averaged"),
)
_BY_NAME = {setting.name: setting for setting in TABLE}


class Settings:
    """
    Settings of a run: the ones given here, and for the others what :func:`resolve` finds.

    Raises:
        SettingsError: an unknown name, or a value of the wrong form.
    """

    project: str | None
    entity: str | None
    name: str | None
    run_id: str | None
    run_group: str | None
    job_type: str | None
    tags: tuple[str, ...]
    notes: str | None
    mode: str | None
    dir: str
    base_url: str | None
    api_key: str | None
    silent: bool
    finish_timeout: float
    disable_stats: bool
    stats_sampling_interval: float
    stats_interval: float

    def __init__(self, **given: Any) -> None:
        self.given = {name: _parsed(name, value, "argument") for name, value in given.items()}
        for setting in TABLE:
            setattr(self, setting.name, self.given.get(setting.name, setting.default))

    def __repr__(self) -> str:
        shown = {name: "***" if name == "api_key" else value for name, value in self.given.items()}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def resolve(*layers: Mapping[str, Any]) -> Settings:
    """
    Return settings with every value found: the first layer that has it, the environment, the file, the default.

    Values of None in a layer count as not given.

    Raises:
        SettingsError: an unknown name, or a value of the wrong form; the message says where it came from.
    """
    found: dict[str, Any] = {}
    for name, value in _file().items():
        found[name] = _parsed(name, value, str(settings_path()))
    for setting in TABLE:
        variable = _variable(setting)
        if variable is not None:
            found[setting.name] = _parsed(setting.name, os.environ[variable], variable)
    for layer in reversed(layers):
        for name, value in layer.items():
            if value is not None:
                found[name] = _parsed(name, value, "argument")
    return Settings(**found)


def settings_path() -> Path:
    """Return the file in which ``trialog login`` keeps the default server."""
    return config_dir() / "settings.json"


def store_setting(name: str, value: Any) -> Path:
    """Keep a setting for all later runs of this user and return the file's path."""
    _parsed(name, value, "argument")
    path = settings_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps({**_file(), name: value}, indent=2), encoding="utf-8")
    fresh.replace(path)
    return path


def _variable(setting: Setting) -> str | None:
    names = [setting.variable]
    if setting.wandb:
        names.append(f"WANDB_{setting.name.upper()}")
    return next((name for name in names if os.environ.get(name)), None)


def _file() -> dict[str, Any]:
    path = settings_path()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as JSON ({error}); mend it or move it away") from error
    if not isinstance(data, dict):
        raise SettingsError(f"{path} does not hold a JSON object; mend it or move it away")
    return data


def _parsed(name: str, value: Any, origin: str) -> Any:
    setting = _BY_NAME.get(name)
    if setting is None:
        near = difflib.get_close_matches(name, _BY_NAME, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(_BY_NAME)}"
        raise SettingsError(f"there is no setting {name!r} ({origin}){hint}")
    if value is None or value == setting.default:
        return setting.default
    try:
        return setting.parse(value)
    except (ValueError, TypeError) as error:
        shown = "***" if name == "api_key" else repr(value)
        raise SettingsError(f"{name}={shown} ({origin}): {error}") from None
