"""The public names: complete, sorted, documented."""

from __future__ import annotations

import ast
import inspect

import pytest

import trialog
from tests.source import PACKAGES

#: Names that ``trialog.__getattr__`` finds at each access; they depend on the active run.
LOOKED_UP = {"run", "config", "summary"}
FACE = (PACKAGES["trialog"] / "__init__.py").read_text(encoding="utf-8")


def test_all_is_sorted_and_every_name_is_there() -> None:
    assert trialog.__all__ == sorted(set(trialog.__all__))
    for name in set(trialog.__all__) - LOOKED_UP:
        assert hasattr(trialog, name)


def test_nothing_public_is_left_out() -> None:
    public = {
        name
        for name, value in vars(trialog).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__.split(".")[0] == "trialog"
    }
    assert public <= set(trialog.__all__)


@pytest.mark.parametrize("name", sorted(set(trialog.__all__) - LOOKED_UP - {"__version__"}))
def test_every_public_thing_says_what_it_is(name: str) -> None:
    value = getattr(trialog, name)
    assert inspect.getdoc(value)
    if inspect.isclass(value):
        for method, function in vars(value).items():
            if not method.startswith("_") and (inspect.isfunction(function) or isinstance(function, property)):
                assert inspect.getdoc(function), f"{name}.{method}"


def test_every_looked_up_name_is_declared_with_its_type_and_says_what_it_is() -> None:
    tree = ast.parse(FACE)
    [look_up] = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__getattr__"]
    found = {
        node.comparators[0].value
        for node in ast.walk(look_up)
        if isinstance(node, ast.Compare) and isinstance(node.comparators[0], ast.Constant)
    }
    assert found == LOOKED_UP
    declared = {
        node.target.id: FACE.splitlines()[node.lineno - 2]
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert {name for name, line_before in declared.items() if line_before.startswith("#: ")} == LOOKED_UP


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lgo'"):
        getattr(trialog, "lgo")  # noqa: B009 - the attribute is looked up at run time on purpose
