"""Who may import whom: data flows one way, and the import statements show it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.source import ROOT, modules

LEAVES = {
    f"trialog.{name}"
    for name in (
        "_aggregates",
        "_credentials",
        "_errors",
        "_frames",
        "_records",
        "_settings",
        "_values",
        "_version",
    )
}
AGENT_FACES = {"trialog.agent", "trialog.agent.sync"}
SERVER_FACES = {"trialog.server"}
EDGES = ("trialog.cli", "trialog.demo", "trialog.__main__")
#: Private modules that an edge uses, each with the reason.
EDGE_NEEDS = {
    ("trialog.cli.demo", "trialog._reader"): "the type of what the public Api returns",
    ("trialog.cli.login", "trialog._server_source"): "asks the server whether a key is good",
}
MOST_LINES = 400
#: Longer modules, each with the reason.
LONGER: dict[str, str] = {}

MODULES = modules()
BARE_NAMES = ("api", "agent", "server")


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
        elif isinstance(child, ast.ImportFrom):
            assert child.module and not child.level, "import by the full name"
            yield child.module
            names = {alias.name for alias in child.names} - _exported_by(child.module)
            yield from (f"{child.module}.{name}" for name in names if f"{child.module}.{name}" in MODULES)
        elif not (at_import_only and _is_put_off(child)):
            if isinstance(child, ast.Call) and "import_module" in ast.unparse(child):
                yield from _named_in(child)
            yield from _imports_of(child, at_import_only)


def _is_put_off(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


def _named_in(call: ast.Call) -> set[str]:
    """The modules that a call of ``importlib.import_module`` names, also when the call is handed to a thread."""
    texts = {node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return texts & set(MODULES)


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


def is_edge(name: str) -> bool:
    return any(is_in(name, edge) for edge in EDGES)


def is_heavy(name: str) -> bool:
    return is_in(name, "trialog.agent") or is_in(name, "trialog.server")


@pytest.mark.parametrize("name", MODULES)
def test_nobody_imports_the_folders_by_their_bare_names(name: str) -> None:
    assert not {found for found in imports(MODULES[name]) if found.split(".")[0] in BARE_NAMES}


@pytest.mark.parametrize("folder", ["benchmarks", "docs", "examples", "tests"])
def test_nothing_beside_the_packages_imports_the_folders_by_their_bare_names(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*.py")):
        assert not {found for found in imports(path) if found.split(".")[0] in BARE_NAMES}, path


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_a_leaf_imports_leaves_only(name: str) -> None:
    assert ours(MODULES[name]) <= LEAVES


@pytest.mark.parametrize("name", [name for name in MODULES if is_in(name, "trialog.agent")])
def test_the_agent_imports_itself_and_leaves(name: str) -> None:
    assert not {found for found in ours(MODULES[name]) if not is_in(found, "trialog.agent") and found not in LEAVES}


@pytest.mark.parametrize("name", [name for name in MODULES if is_in(name, "trialog.server")])
def test_the_server_imports_itself_and_leaves(name: str) -> None:
    assert not {found for found in ours(MODULES[name]) if not is_in(found, "trialog.server") and found not in LEAVES}


@pytest.mark.parametrize("name", [name for name in MODULES if not is_heavy(name) and not is_edge(name)])
def test_the_api_knows_the_agent_by_its_face_and_neither_the_server_nor_the_edges(name: str) -> None:
    found = ours(MODULES[name])
    assert {one for one in found if is_heavy(one)} <= AGENT_FACES
    assert not {one for one in found if is_edge(one)}


@pytest.mark.parametrize("name", [name for name in MODULES if is_edge(name)])
def test_an_edge_uses_public_names_and_loads_agent_and_server_by_their_faces_when_it_runs(name: str) -> None:
    found = ours(MODULES[name])
    heavy = {one for one in found if is_heavy(one)}
    assert heavy <= AGENT_FACES | SERVER_FACES
    assert not ours(MODULES[name], at_import_only=True) & heavy
    others = {one for one in found - heavy - LEAVES - {"trialog"} if not is_edge(one)}
    assert others == {needed for edge, needed in EDGE_NEEDS if edge == name}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_one_idea(name: str) -> None:
    lines = len(MODULES[name].read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES or name in LONGER, f"{name} has {lines} lines"
