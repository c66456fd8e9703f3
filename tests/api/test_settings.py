"""The settings: where each value comes from, and what is said of a wrong one."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

import trialog
from trialog._credentials import Credential, credentials_path, normalise_url, read_credential, store_credential
from trialog._settings import TABLE, resolve, settings_path, store_setting

EXAMPLES: dict[str, tuple[str, Any]] = {
    "project": ("digits", "digits"),
    "entity": ("team", "team"),
    "name": ("a name", "a name"),
    "run_id": ("abc", "abc"),
    "run_group": ("g", "g"),
    "job_type": ("train", "train"),
    "tags": ("a, b,,c", ("a", "b", "c")),
    "notes": ("long", "long"),
    "mode": ("dryrun", "offline"),
    "dir": ("/tmp/x", "/tmp/x"),
    "base_url": ("http://host:1/", "http://host:1"),
    "api_key": ("tl_x", "tl_x"),
    "silent": ("true", True),
    "finish_timeout": ("1.5", 1.5),
    "disable_stats": ("1", True),
    "stats_sampling_interval": ("0.5", 0.5),
    "stats_interval": ("5", 5.0),
}
NAMES = [setting.name for setting in TABLE]


def test_there_is_an_example_of_every_setting() -> None:
    assert list(EXAMPLES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_has_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = EXAMPLES[name]
    monkeypatch.setenv(f"TRIALOG_{name.upper()}", text)
    assert getattr(resolve(), name) == value
    assert getattr(resolve({name: EXAMPLES[name][0]}), name) == value


@pytest.mark.parametrize("name", NAMES)
def test_wandb_variables_count_except_for_the_server(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = EXAMPLES[name]
    default = getattr(resolve(), name)
    monkeypatch.setenv(f"WANDB_{name.upper()}", text)
    assert getattr(resolve(), name) == (default if name in ("base_url", "api_key") else value)


def test_the_order_in_which_values_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    store_setting("project", "file")
    assert resolve().project == "file"
    monkeypatch.setenv("WANDB_PROJECT", "wandb")
    assert resolve().project == "wandb"
    monkeypatch.setenv("TRIALOG_PROJECT", "trialog")
    assert resolve().project == "trialog"
    assert resolve({"project": None}, {"project": "second"}).project == "second"
    assert resolve({"project": "first"}, {"project": "second"}).project == "first"
    monkeypatch.setenv("TRIALOG_PROJECT", "")
    assert resolve().project == "wandb"


def test_the_environment_is_read_at_each_init(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIALOG_MODE", "disabled")
    assert trialog.init().disabled
    trialog.finish()
    monkeypatch.setenv("TRIALOG_MODE", "offline")
    monkeypatch.setenv("TRIALOG_SILENT", "1")
    before = dict(os.environ)
    assert trialog.init().offline
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("projekt", "x", r"no setting 'projekt'.*did you mean project\?"),
        ("stats_intervall", 1, r"did you mean stats_interval\?"),
        ("zzzzzz", 1, "there are project, entity"),
        ("mode", "shared", "expected one of online"),
        ("project", "a/b", "a project's name cannot hold /"),
        ("project", "x" * 129, "at most 128"),
        ("project", 5, "expected text"),
        ("run_id", "a/b", "a run's id cannot hold /"),
        ("run_id", "..", "a run's id"),
        ("run_id", " a", "no blanks"),
        ("run_id", "", "is not empty"),
        ("base_url", "localhost:8642", "is not a server address"),
        ("base_url", "ftp://x", "is not a server address"),
        ("silent", "perhaps", "expected true or false"),
        ("finish_timeout", -1, "expected a number of seconds"),
        ("finish_timeout", float("nan"), "expected a number of seconds"),
        ("finish_timeout", "soon", "finish_timeout='soon'"),
        ("stats_interval", 0.01, "at least 0.1"),
        ("tags", 5, "tags=5"),
        ("tags", ["a", 5], "expected text"),
    ],
)
def test_wrong_values_are_refused_in_words(name: str, value: Any, message: str) -> None:
    with pytest.raises(trialog.SettingsError, match=message):
        trialog.Settings(**{name: value})
    with pytest.raises(trialog.SettingsError, match=message):
        trialog.init(mode="offline", settings={name: value})
    assert trialog.run is None
    assert not Path("trialog-runs").exists()


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "sideways")
    with pytest.raises(trialog.SettingsError, match="WANDB_MODE"):
        resolve()


def test_keys_are_never_shown() -> None:
    assert "secret" not in repr(trialog.Settings(api_key="tl_secret"))
    assert "secret" not in repr(Credential("tl_secret", "ada"))
    with pytest.raises(trialog.SettingsError) as caught:
        trialog.Settings(api_key=["tl_secret"])
    assert "secret" not in str(caught.value)


def test_a_broken_settings_file_is_named() -> None:
    path = store_setting("project", "x")
    path.write_text("{", encoding="utf-8")
    with pytest.raises(trialog.SettingsError, match=r"settings\.json cannot be read"):
        resolve()
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(trialog.SettingsError, match="does not hold a JSON object"):
        resolve()


def test_settings_are_kept_beside_each_other() -> None:
    store_setting("project", "x")
    store_setting("base_url", "http://h:1")
    assert json.loads(settings_path().read_text()) == {"project": "x", "base_url": "http://h:1"}


def test_credentials_are_kept_for_their_owner_only() -> None:
    first, second = Credential("tl_a", "ada", "one"), Credential("tl_b", "bob")
    store_credential("http://a:1", first)
    path = store_credential("http://b:1", second)
    assert path == credentials_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_credential("http://a:1") == first
    assert read_credential("http://b:1") == second
    assert read_credential("http://c:1") is None
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_credentials_that_others_can_read_are_not_used(capsys: Any) -> None:
    path = store_credential("http://127.0.0.1:1", Credential("tl_a", "ada"))
    path.chmod(0o644)
    with pytest.raises(trialog.SettingsError, match="chmod 600"):
        read_credential("http://127.0.0.1:1")
    run = trialog.init(mode="online", settings={"base_url": "http://127.0.0.1:1", "finish_timeout": 0})
    run.finish()
    said = capsys.readouterr().err
    assert "chmod 600" in said
    assert "tl_a" not in said


@pytest.mark.parametrize("text", ["", "{", "[]", '{"servers": {"http://a:1": 5}}', '{"servers": {"http://a:1": {}}}'])
def test_a_broken_credentials_file_gives_no_key(text: str) -> None:
    path = store_credential("http://a:1", Credential("tl_a", "ada"))
    path.write_text(text, encoding="utf-8")
    if text.startswith('{"servers"'):
        assert read_credential("http://a:1") is None
    else:
        with pytest.raises(trialog.SettingsError, match=r"credentials\.json"):
            read_credential("http://a:1")


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        ("http://127.0.0.1:8642/", "http://127.0.0.1:8642"),
        (" https://host/prefix/ ", "https://host/prefix"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_addresses_are_normalised(address: str, normal: str) -> None:
    assert normalise_url(address) == normal
