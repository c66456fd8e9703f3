"""A run's config: the values it was started with, locked against silent change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from trialog._errors import ConfigError, UsageError
from trialog._values import plain

#: Receives what was set and what was deleted.
OnChange = Callable[[dict[str, Any], list[str]], None]


class Config(Mapping[str, Any]):
    """
    Mapping of the run's parameters; ``config.lr`` and ``config["lr"]`` are the same.

    A new key may be set at any time; to change a value takes ``update({...}, allow_val_change=True)``.
    """

    _values: dict[str, Any]
    _on_change: OnChange

    def __init__(self, on_change: OnChange) -> None:
        object.__setattr__(self, "_values", {})
        object.__setattr__(self, "_on_change", on_change)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"the config has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy, also one sent to another process, is a plain dict: it belongs to no run.
        return dict, (self.as_dict(),)

    def __repr__(self) -> str:
        return f"Config({self._values!r})"

    def update(self, values: Any, allow_val_change: bool = False) -> None:
        """
        Set several values.

        Args:
            values: a mapping, or any object with attributes (an argparse Namespace, a dataclass instance).
            allow_val_change: let existing values change.

        Raises:
            ConfigError: a value would change; nothing is set then.
            UsageError: ``values`` is neither a mapping nor an object with attributes.
        """
        fresh = {_clean_key(key): plain(value) for key, value in as_mapping(values).items()}
        for key, value in fresh.items():
            if not allow_val_change and key in self._values and not _same(self._values[key], value):
                raise ConfigError(
                    f"config.{key} is {self._values[key]!r} and was to become {value!r}; if that is meant: "
                    f"config.update({{{key!r}: {value!r}}}, allow_val_change=True)"
                )
        changed = {k: v for k, v in fresh.items() if k not in self._values or not _same(self._values[k], v)}
        self._values.update(changed)
        if changed:
            self._on_change(changed, [])

    def setdefaults(self, values: Any) -> None:
        """Set those of ``values`` whose keys are missing."""
        self.update({k: v for k, v in as_mapping(values).items() if _clean_key(k) not in self._values})

    def as_dict(self) -> dict[str, Any]:
        """Return a copy as a plain dict."""
        return dict(self._values)


def as_mapping(values: Any) -> Mapping[str, Any]:
    """Return a mapping for what users pass as a config: a mapping with text keys, or an object with attributes."""
    if not isinstance(values, Mapping):
        attributes = getattr(values, "__dict__", None)
        if attributes is None or isinstance(values, type):
            raise UsageError(f"a config is a dict or an object with attributes, not {type(values).__name__}")
        return dict(attributes)
    for key in values:
        _clean_key(key)
    return values


def _clean_key(key: object) -> str:
    if not isinstance(key, str):
        raise UsageError(f"config keys are text, not {type(key).__name__} ({key!r})")
    return key.strip("-")


def _same(old: Any, new: Any) -> bool:
    """Equal, where NaN equals itself."""
    return bool(old == new) or (old != old and new != new)
