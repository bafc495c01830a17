"""The data directory: private, named in one place, and clear when it cannot be used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import BadInput, Unavailable
from jupyter_cloudml.journal.atomic import read_json, write_atomic, write_json
from jupyter_cloudml.journal.home import DataHome, data_home
from jupyter_cloudml.journal.paths import JobPaths


def test_the_data_directory_is_made_with_0700(tmp_path: Path) -> None:
    root = data_home({"CLOUDML_HOME": str(tmp_path / "a" / "b")})
    assert root == tmp_path / "a" / "b"
    assert root.stat().st_mode & 0o777 == 0o700


def test_an_open_directory_is_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert data_home({"CLOUDML_HOME": str(tmp_path)}).stat().st_mode & 0o777 == 0o700


def test_without_the_variable_it_is_the_platforms_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    root = data_home({"XDG_DATA_HOME": str(tmp_path)})
    assert root.name == "jupyter_cloudml"
    assert root.is_relative_to(tmp_path)


def test_a_file_in_the_way_is_unavailable_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in ("file", "file/below"):
        with pytest.raises(Unavailable, match="file") as caught:
            data_home({"CLOUDML_HOME": str(tmp_path / path)})
        assert "CLOUDML_HOME" in caught.value.hint


AS_A_USER = """
import os, sys
import platformdirs
from pathlib import Path
from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.journal.home import data_home
from jupyter_cloudml.journal.registry import Registry
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
for attempt in (lambda: data_home({"CLOUDML_HOME": sys.argv[1]}), lambda: Registry(Path(sys.argv[1], "registry.db")).active()):
    try:
        attempt()
    except Unavailable as error:
        assert "CLOUDML_HOME" in error.hint, error
        print(error.message)
    else:
        raise SystemExit("no error")
"""


def test_a_directory_that_may_not_be_written_is_unavailable_with_a_hint() -> None:
    root = Path(tempfile.mkdtemp())
    try:
        if os.geteuid() == 0:
            os.chown(root, 65534, 65534)
        root.chmod(0o500)
        done = subprocess.run(
            [sys.executable, "-c", AS_A_USER, root], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "read-only" in done.stdout
        assert "registry.db" in done.stdout
    finally:
        root.chmod(0o700)
        shutil.rmtree(root)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    os.chown(other, 65534, 65534)
    with pytest.raises(Unavailable, match="another user"):
        data_home({"CLOUDML_HOME": str(other)})


def test_every_path_lies_in_the_data_directory(tmp_path: Path) -> None:
    home = DataHome(tmp_path)
    names = [name for name, value in vars(DataHome).items() if isinstance(value, property)]
    assert len({getattr(home, name) for name in names}) == len(names)
    assert all(getattr(home, name).is_relative_to(tmp_path) for name in names)
    assert home.slot_lock("gpu", "1") == tmp_path / "slots" / "gpu-1.lock"
    assert home.job("0123456789ab").spec == tmp_path / "jobs" / "0123456789ab" / "spec.json"
    with pytest.raises(BadInput):
        home.job("../../../etc")


def test_a_job_folder_is_made_private_and_twice_without_harm(tmp_path: Path) -> None:
    paths = JobPaths(tmp_path / "jobs" / "0123456789ab").create().create()
    folders = [paths.root, *(path for path in paths.root.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert paths.bundle_blobs.is_dir()
    assert paths.all_journals() == paths.all_leases() == []


def test_a_file_is_replaced_whole_and_nothing_is_left_over(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert read_json(path) == {"a": 2}
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert read_json(tmp_path / "none") is None


def test_a_refused_replacement_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").write_text("")
    with pytest.raises(Unavailable, match="folder"):
        write_atomic(tmp_path / "folder", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_the_far_side_needs_only_the_standard_library() -> None:
    rooms = "home paths atomic writer reader view series outputs lease disk"
    code = f"""
import sys
for name in {rooms.split()!r}:
    __import__("jupyter_cloudml.journal." + name)
allowed = set(sys.stdlib_module_names) | {{"jupyter_cloudml", "__main__"}}
print(sorted({{name.partition(".")[0] for name in sys.modules}} - allowed))
"""
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(Path.cwd())!r})\n{code}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
