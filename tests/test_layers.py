"""Who may import whom: data flows one way, and the import statements show it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.source import modules

LEAVES = {
    f"trialog.{name}"
    for name in (
        "_aggregates",
        "_credentials",
        "_errors",
        "_frames",
        "_records",
        "_settings",
        "_types",
        "_values",
        "_version",
    )
}
AGENT_FACES = {"trialog.agent", "trialog.agent.sync"}
SERVER_FACES = {"trialog.server"}
EDGES = ("trialog.cli", "trialog.demo", "trialog.__main__")
MOST_LINES = 400
#: Longer modules, each with the reason.
LONGER: dict[str, str] = {}

MODULES = modules()


def imports(path: Path, *, at_import_only: bool = False) -> Iterator[str]:
    """
    Yield the modules that a file imports, submodules of ours also when named by ``from package import``.

    ``at_import_only`` leaves out functions and what is for type checkers alone.
    """
    yield from _imports_of(ast.parse(path.read_text(encoding="utf-8")), at_import_only)


def _imports_of(node: ast.AST, at_import_only: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield child.module
            names = {alias.name for alias in child.names} - _exported_by(child.module)
            yield from (f"{child.module}.{name}" for name in names if f"{child.module}.{name}" in MODULES)
        elif not (at_import_only and _is_put_off(child)):
            yield from _imports_of(child, at_import_only)


def _is_put_off(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def _exported_by(module: str) -> set[str]:
    """A package's ``__all__``: what it offers itself, though a submodule may have the same name."""
    if module not in MODULES:
        return set()
    for node in ast.parse(MODULES[module].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def ours(path: Path, **how: bool) -> set[str]:
    return {name for name in imports(path, **how) if name.split(".")[0] == "trialog"}


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("name", MODULES)
def test_nobody_imports_the_folders_by_their_bare_names(name: str) -> None:
    assert not {found for found in imports(MODULES[name]) if found.split(".")[0] in ("api", "agent", "server")}


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_a_leaf_imports_leaves_only(name: str) -> None:
    assert ours(MODULES[name]) <= LEAVES


@pytest.mark.parametrize("name", [name for name in MODULES if is_in(name, "trialog.agent")])
def test_the_agent_imports_itself_and_leaves(name: str) -> None:
    assert not {found for found in ours(MODULES[name]) if not is_in(found, "trialog.agent") and found not in LEAVES}


@pytest.mark.parametrize("name", [name for name in MODULES if is_in(name, "trialog.server")])
def test_the_server_imports_itself_and_leaves(name: str) -> None:
    assert not {found for found in ours(MODULES[name]) if not is_in(found, "trialog.server") and found not in LEAVES}


@pytest.mark.parametrize(
    "name", [n for n in MODULES if not any(is_in(n, p) for p in ("trialog.agent", "trialog.server", *EDGES))]
)
def test_the_api_knows_the_agent_by_its_face_and_the_server_not_at_all(name: str) -> None:
    found = ours(MODULES[name])
    assert not {one for one in found if is_in(one, "trialog.server")}
    assert {one for one in found if is_in(one, "trialog.agent")} <= AGENT_FACES


@pytest.mark.parametrize("name", [n for n in MODULES if any(is_in(n, p) for p in EDGES)])
def test_an_edge_loads_agent_and_server_by_their_faces_and_only_when_it_runs(name: str) -> None:
    heavy = {one for one in ours(MODULES[name]) if is_in(one, "trialog.agent") or is_in(one, "trialog.server")}
    assert heavy <= AGENT_FACES | SERVER_FACES
    at_import = ours(MODULES[name], at_import_only=True)
    assert not at_import & heavy


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_one_idea(name: str) -> None:
    lines = len(MODULES[name].read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES or name in LONGER, f"{name} has {lines} lines"
