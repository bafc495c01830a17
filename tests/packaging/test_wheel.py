"""What ``pip install`` of our wheel gives, on a machine that has no Node."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = "jupyter_cloudml-{version}.data/data/"
PANEL = "share/jupyter/labextensions/jupyter-cloudml/"
WITHOUT_NODE = "/usr/bin:/bin"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = [sys.executable, ROOT / "labextension" / "build.py", "build"]
    subprocess.run(build, check=True, capture_output=True)
    place = tmp_path_factory.mktemp("dist")
    pack = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place]
    subprocess.run(pack, cwd=ROOT, check=True, capture_output=True)
    (found,) = place.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def prefix(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip unpacks it, alone under a prefix of its own."""
    place = tmp_path_factory.mktemp("prefix")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run(
        [*install, "--ignore-installed", "--prefix", place, wheel], check=True, capture_output=True
    )
    return place


def jupyter(prefix: Path, tmp_path: Path, *words: str) -> str:
    """What ``jupyter …`` says of what lies under ``prefix``, and of nothing that this machine's user has."""
    (packages,) = prefix.glob("lib/python*/site-packages")
    environ = {
        "HOME": str(tmp_path),
        "PATH": WITHOUT_NODE,
        "PYTHONPATH": str(packages),
        "JUPYTER_PATH": str(prefix / "share" / "jupyter"),
        "JUPYTER_CONFIG_PATH": str(prefix / "etc" / "jupyter"),
        "JUPYTER_NO_CONFIG": "",
        "JUPYTER_PREFER_ENV_PATH": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", *words], env=environ, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_the_built_panel_and_nothing_else_of_the_build(wheel: Path) -> None:
    version = wheel.name.split("-")[1]
    panel = [
        name.removeprefix(DATA.format(version=version) + PANEL)
        for name in names(wheel)
        if "/labextensions/" in name
    ]
    assert "package.json" in panel
    assert "static/style.js" in panel
    assert any(name.startswith("static/remoteEntry.") for name in panel)
    assert "schemas/jupyter-cloudml/panel.json" in panel
    assert not [
        name for name in panel if not name.startswith(("static/", "schemas/", "package.json"))
    ]
    assert not [name for name in names(wheel) if name.startswith("jupyter_cloudml/labextension")]
    assert not [name for name in names(wheel) if "node_modules" in name or name.endswith(".map")]


def test_the_wheel_turns_the_server_extension_on(prefix: Path) -> None:
    file = prefix / "etc" / "jupyter" / "jupyter_server_config.d" / "jupyter_cloudml.json"
    assert json.loads(file.read_text()) == {
        "ServerApp": {"jpserver_extensions": {"jupyter_cloudml": True}}
    }


def test_no_machine_path_is_in_the_built_panel(prefix: Path) -> None:
    for file in (prefix / PANEL).rglob("*"):
        if file.is_file():
            assert os.fsencode(ROOT) not in file.read_bytes(), file


def test_the_panel_is_small_before_it_is_opened(prefix: Path) -> None:
    """At most 300 KiB compressed, all chunks together, so whatever Lab loads of it is less."""
    static = (prefix / PANEL / "static").glob("*.js")
    sizes = {file.name: len(gzip.compress(file.read_bytes())) for file in static}
    assert sum(sizes.values()) <= 300 * 1024, sizes


def test_lab_finds_the_panel(prefix: Path, tmp_path: Path) -> None:
    said = jupyter(prefix, tmp_path, "jupyterlab.labextensions", "list")
    place = prefix / "share" / "jupyter" / "labextensions"
    line = next(
        line for line in said.split(str(place))[1].splitlines() if "jupyter-cloudml" in line
    )
    assert "enabled" in line
    assert "OK" in line


def test_the_server_finds_its_extension(prefix: Path, tmp_path: Path) -> None:
    said = jupyter(prefix, tmp_path, "jupyter_server.extension.serverextension", "list")
    (line,) = [line for line in said.splitlines() if "jupyter_cloudml " in line and "OK" in line]
    assert line
    assert "enabled" in said


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((ROOT / "labextension" / "package-lock.json").read_text())
    assert lock["packages"]
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
