"""The public names: complete, sorted, documented."""

from __future__ import annotations

import inspect

import pytest

import trialog

LOOKED_UP = {"run", "config", "summary"}


def test_all_is_sorted_and_every_name_is_there() -> None:
    assert trialog.__all__ == sorted(trialog.__all__)
    for name in set(trialog.__all__) - LOOKED_UP:
        assert hasattr(trialog, name)


def test_nothing_public_is_left_out() -> None:
    found = {
        name
        for name, value in vars(trialog).items()
        if not name.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value))
    }
    assert found - set(trialog.__all__) <= {"Mapping", "Any"}


@pytest.mark.parametrize("name", sorted(set(trialog.__all__) - LOOKED_UP - {"__version__"}))
def test_every_public_thing_says_what_it_is(name: str) -> None:
    value = getattr(trialog, name)
    assert inspect.getdoc(value)
    if inspect.isclass(value):
        for method, function in vars(value).items():
            if not method.startswith("_") and (inspect.isfunction(function) or isinstance(function, property)):
                assert inspect.getdoc(function), f"{name}.{method}"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lgo'"):
        getattr(trialog, "lgo")  # noqa: B009 - the attribute is looked up at run time on purpose
