"""The config: set once, locked against silent change, kept on disk."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import math
import pickle
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trialog

Offline = Callable[..., trialog.Run]


@dataclasses.dataclass
class Parameters:
    lr: float = 0.1
    layers: tuple[int, ...] = (1, 2)


SOURCES = [
    {"lr": 0.1, "layers": [1, 2]},
    types.MappingProxyType({"lr": 0.1, "layers": (1, 2)}),
    argparse.Namespace(lr=0.1, layers=[1, 2]),
    types.SimpleNamespace(lr=0.1, layers=(1, 2)),
    Parameters(),
    {"--lr": np.float64(0.1), "layers--": np.array([1, 2])},
]


@pytest.mark.parametrize("config", SOURCES, ids=lambda value: type(value).__name__)
def test_a_config_is_given_in_many_forms(config: Any, offline: Offline, stored: Callable[..., Any]) -> None:
    run = offline(config=config)
    assert dict(run.config) == {"lr": 0.1, "layers": [1, 2]}
    run.finish()
    assert stored(run).config == {"lr": 0.1, "layers": [1, 2]}


def test_reading(offline: Offline) -> None:
    config = offline(config={"a": 1, "n": {"b": 2}}).config
    assert config.a == config["a"] == config.get("a") == 1
    assert config.n == {"b": 2}
    assert config.get("zz") is None
    assert "a" in config
    assert list(config) == ["a", "n"]
    assert len(config) == 2
    assert {**config} == config.as_dict() == {"a": 1, "n": {"b": 2}}
    with pytest.raises(KeyError):
        config["zz"]
    with pytest.raises(AttributeError, match="zz"):
        config.zz  # noqa: B018
    assert not hasattr(config, "zz")
    assert repr(config) == "Config({'a': 1, 'n': {'b': 2}})"


CHANGES: list[Callable[[trialog.Config], Any]] = [
    lambda config: config.update({"new": 1, "a": 2}),
    lambda config: config.__setitem__("a", 2),
    lambda config: setattr(config, "a", 2),
    lambda config: config.update(argparse.Namespace(a=2)),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_value_does_not_change_by_accident(
    change: Callable[[trialog.Config], Any], offline: Offline, stored: Callable[..., Any]
) -> None:
    run = offline(config={"a": 1})
    with pytest.raises(trialog.ConfigError, match=r"config\.a is 1 and was to become 2.*allow_val_change"):
        change(run.config)
    assert dict(run.config) == {"a": 1}
    run.finish()
    assert stored(run).config == {"a": 1}


@pytest.mark.parametrize("value", [1, 1.5, "x", None, [1], {"b": 1}, math.nan, np.float32(0.5)])
def test_the_same_value_again_is_no_change(value: Any, offline: Offline) -> None:
    run = offline(config={"a": value})
    run.config.update({"a": value})
    run.config.a = value


def test_changes_that_are_meant(offline: Offline, stored: Callable[..., Any]) -> None:
    run = offline(config={"a": 1, "n": {"b": 2, "c": 3}})
    run.config.update({"a": 2, "n": {"b": 4}}, allow_val_change=True)
    run.config.new = 5
    run.config.setdefaults({"a": 9, "other": 6})
    run.finish()
    assert stored(run).config == {"a": 2, "n": {"b": 4}, "new": 5, "other": 6}


@pytest.mark.parametrize("config", [[1], 5, "text", Parameters, {1: 2}], ids=repr)
def test_a_config_that_is_none_is_refused_before_anything_starts(config: Any, offline: Offline) -> None:
    with pytest.raises(trialog.UsageError, match="config"):
        offline(config=config)
    assert trialog.run is None
    assert not Path("trialog-runs").exists()
    with pytest.raises(trialog.UsageError):
        offline().config.update(config)


def test_the_config_file_is_yaml_with_a_value_below_each_key(offline: Offline) -> None:
    run = offline(config={"lr": 0.1, "a b": [1, "x"], "nan": math.nan, "none": None, "text": "größe: 1"})
    run.finish()
    assert (Path(run.dir) / "config.yaml").read_text(encoding="utf-8") == (
        'lr:\n  value: 0.1\n"a b":\n  value: [1, "x"]\nnan:\n  value: .nan\nnone:\n  value: null\n'
        'text:\n  value: "größe: 1"\n'
    )


def test_copies_are_plain_dicts(offline: Offline) -> None:
    run = offline(config={"a": 1, "n": {"b": 2}})
    run.log({"x": 1})
    for make in (copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
        assert make(run.config) == {"a": 1, "n": {"b": 2}}
        assert make(run.summary)["x"] == 1
    changed = copy.deepcopy(run.config)
    changed["n"]["b"] = 3
    assert run.config.n == {"b": 2}


def test_the_callers_objects_are_left_alone(offline: Offline) -> None:
    given = {"layers": (1, 2), "n": {"a": np.float32(1)}}
    run = offline(config=given)
    run.config.new = 1
    assert given == {"layers": (1, 2), "n": {"a": np.float32(1)}}
    assert isinstance(given["layers"], tuple)
