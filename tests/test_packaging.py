"""What is in the wheel, what it pulls in, and that it works where nothing else is."""

from __future__ import annotations

import configparser
import email
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.message import Message
from pathlib import Path

import pytest

import trialog
from tests.source import PACKAGES, ROOT

pytestmark = pytest.mark.packaging

SMOKE = """
import trialog
run = trialog.init(project="smoke", config={"lr": 0.1}, settings={"silent": True})
run.log({"loss": 0.5})
run.finish()
[stored] = trialog.Api(path=".").runs()
print(stored.state, stored.summary["loss"], stored.config["lr"])
"""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    The folder of a source archive and of the wheel that was built from it, so that one comparison checks both.

    The sources are copied first: setuptools would put modules that an earlier build left in ``build/`` into the wheel.
    """
    sources, folder = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("dist")
    for name in ("api", "agent", "server"):
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "README.md", "pyproject.toml", "setup.cfg", "setup.py"):
        shutil.copy(ROOT / name, sources)
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(sources)]
    done = subprocess.run(command, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "deprecat" not in said.lower(), said
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    [path] = dist.glob("*.whl")
    return path


def tree() -> set[str]:
    """The files that the wheel should hold, by their names in it."""
    found = {"trialog/py.typed"}
    for package, folder in PACKAGES.items():
        base = package.replace(".", "/")
        found |= {f"{base}/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*.py")}
    web = ROOT / "server" / "web"
    return found | {
        f"trialog/server/web/{path.relative_to(web).as_posix()}" for path in web.rglob("*") if path.is_file()
    }


def test_the_wheel_holds_the_whole_tree_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == tree()


def test_the_package_list_is_the_folders() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    folders = {
        ".".join((package, *path.parent.relative_to(folder).parts))
        for package, folder in PACKAGES.items()
        for path in folder.rglob("__init__.py")
    }
    assert listed == folders


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def test_the_source_archive_brings_its_licence_and_readme(dist: Path) -> None:
    [path] = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "setup.cfg"} <= names


def test_a_plain_install_pulls_in_only_the_clients_few_dependencies(wheel: Path) -> None:
    required = metadata_of(wheel).get_all("Requires-Dist") or []
    base = {one.split(">")[0] for one in required if "extra ==" not in one}
    assert base == {"aiofiles", "aiohttp", "msgpack", "nvidia-ml-py", "psutil"}


def test_the_extras_are_these_and_all_holds_every_one_for_users(wheel: Path) -> None:
    assert set(metadata_of(wheel).get_all("Provides-Extra") or []) == {"server", "postgres", "s3", "demo", "dev", "all"}
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["options.extras_require"]["all"].strip() == "trialog[server,postgres,s3,demo]"


def test_the_wheel_says_its_licence_version_and_pythons(wheel: Path) -> None:
    metadata = metadata_of(wheel)
    assert metadata["License-Expression"] == "MIT"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Version"] == trialog.__version__
    assert metadata["Requires-Python"] == ">=3.10"


def test_it_installs_from_wheels_alone_and_works_away_from_the_sources(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", "--only-binary", ":all:", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    smoke = subprocess.run([str(python), "-c", SMOKE], capture_output=True, text=True, cwd=tmp_path)
    assert smoke.stdout.split() == ["finished", "0.5", "0.1"], smoke.stderr
    version = subprocess.run([str(python), "-m", "trialog", "--version"], capture_output=True, text=True)
    assert version.returncode == 0
    ui = subprocess.run([str(python), "-m", "trialog", "ui", "."], capture_output=True, text=True, cwd=tmp_path)
    assert ui.returncode == 1
    assert "pip install 'trialog[server]'" in ui.stderr
