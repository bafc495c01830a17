"""Local modules as files to carry."""

from __future__ import annotations

import sys
import types
from pathlib import Path

from jupyter_cloudml.capture import modules


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_module_that_is_not_imported_yet_is_found_on_the_path(tmp_path):
    write(tmp_path, {"helpers.py": "x = 1"})
    found = modules({"helpers", "os", "numpy.random"}, loaded={}, path=[str(tmp_path)])
    assert [file.path for file in found["helpers"].files] == ["helpers.py"]
    assert set(found) == {"helpers"}
    assert "helpers" not in sys.modules


def test_a_package_comes_whole_without_caches(tmp_path):
    write(
        tmp_path,
        {
            "pkg/__init__.py": "",
            "pkg/deep/mod.py": "y = 2",
            "pkg/data.json": "{}",
            "pkg/__pycache__/mod.pyc": "",
            "pkg/.hidden": "",
        },
    )
    package = modules({"pkg.deep.mod"}, loaded={}, path=[str(tmp_path)])["pkg"]
    assert [f.path for f in package.files] == [
        "pkg/__init__.py",
        "pkg/data.json",
        "pkg/deep/mod.py",
    ]


def test_a_namespace_package_brings_only_its_python(tmp_path):
    write(tmp_path, {"space/a.py": "", "space/data.bin": "x"})
    package = modules({"space.a"}, loaded={}, path=[str(tmp_path)])["space"]
    assert [file.path for file in package.files] == ["space/a.py"]


def test_loaded_modules_count_too(tmp_path):
    write(tmp_path, {"mine.py": "x = 1"})
    module = types.ModuleType("mine")
    module.__file__ = str(tmp_path / "mine.py")
    in_memory = types.ModuleType("ghost")
    assert set(modules((), loaded={"mine": module, "ghost": in_memory, "sys": sys})) == {"mine"}


def test_installed_packages_stay_where_they_are():
    import pytest

    assert modules({"pytest"}, loaded={"pytest": pytest}) == {}


def test_the_digest_follows_the_content(tmp_path):
    def digest(text: str) -> str:
        write(tmp_path, {"helpers.py": text})
        return modules({"helpers"}, loaded={}, path=[str(tmp_path)])["helpers"].digest

    first = digest("x = 1")
    assert digest("x = 2") != first
    assert digest("x = 1") == first


def test_excluded_and_missing_modules_are_left_out(tmp_path):
    write(tmp_path, {"helpers.py": ""})
    assert modules({"helpers"}, loaded={}, path=[str(tmp_path)], exclude={"helpers"}) == {}
    assert modules({"no_such_module_here"}, loaded={}, path=[str(tmp_path)]) == {}
