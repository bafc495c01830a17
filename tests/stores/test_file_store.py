"""``file://`` passes the suite, and what only files can do wrong is said in one sentence."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import BadInput, Conflict, NotFound, PermissionDenied, Unavailable
from jupyter_cloudml.stores.file.store import FileStore
from jupyter_cloudml.stores.open import open_store
from jupyter_cloudml.testing import StoreSuite


class TestFile(StoreSuite):
    can_presign = False

    @pytest.fixture
    def store(self):
        return FileStore()

    @pytest.fixture
    def prefix(self, tmp_path_factory):
        return f"{tmp_path_factory.mktemp('root')}/".lstrip("/")


def test_a_path_and_a_file_uri_mean_the_same_store_and_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b").write_bytes(b"1")
    for text in ("a b", "./x/../a b", str(tmp_path / "a b"), (tmp_path / "a b").as_uri()):
        store, key = open_store(text)
        assert store.read(key) == b"1"
    assert open_store(f"{tmp_path}/")[1].endswith("/")


def test_links_back_up_end_and_links_to_nowhere_are_left_out(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x").write_bytes(b"1")
    (tmp_path / "d" / "up").symlink_to(tmp_path)
    (tmp_path / "d" / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "link").symlink_to(tmp_path / "d" / "x")
    os.mkfifo(tmp_path / "fifo")
    store, key = open_store(f"{tmp_path}/")
    names = [info.key.removeprefix(key) for info in store.walk(key)]
    assert names.count("d/x") == 1
    assert "link" in names
    assert not any("nowhere" in name or "fifo" in name for name in names)


def test_a_file_that_is_being_written_is_not_listed(tmp_path):
    store, key = open_store(f"{tmp_path}/")
    (tmp_path / ".cloudml-1-aa.tmp").write_bytes(b"half")
    assert store.list(key).objects == ()


def test_a_directory_is_no_object(tmp_path):
    store, key = open_store(str(tmp_path))
    with pytest.raises(NotFound, match="directory"):
        store.stat(key)
    (tmp_path / "file").write_bytes(b"1")
    with pytest.raises(NotFound):
        store.stat(f"{key}/file/below")
    with pytest.raises(BadInput):
        store.put(f"{key}/file/below", b"1")


def test_a_disk_that_takes_no_more_is_said_and_leaves_nothing(tmp_path, no_more_than):
    store, key = open_store(str(tmp_path / "x"))
    store.put(key, b"old")
    (tmp_path / "big").write_bytes(b"1" * 300_000)
    for source in (b"1" * 300_000, tmp_path / "big"):
        with no_more_than(100_000), pytest.raises(Unavailable, match=r"x'.*size limit"):
            store.put(key, source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big", "x"]
    assert store.read(key) == b"old"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_is_said(tmp_path):
    tmp_path.chmod(0o500)
    store, key = open_store(str(tmp_path / "x"))
    with pytest.raises(PermissionDenied):
        store.put(key, b"1")


def test_a_file_that_changes_while_it_is_read_is_not_published(tmp_path):
    (tmp_path / "x").write_bytes(b"1" * (5 << 20))
    store, key = open_store(str(tmp_path / "x"))

    def meddle(count):
        with (tmp_path / "x").open("ab") as file:
            file.write(b"2")

    with pytest.raises(Conflict, match="changed"):
        store.get(key, tmp_path / "out", progress=meddle)
    assert not (tmp_path / "out").exists()


def test_keys_with_dots_stay_where_they_are(tmp_path):
    store, _ = open_store(str(tmp_path))
    with pytest.raises(BadInput):
        store.read("tmp/../etc/passwd")


BARE = """
from pathlib import Path
from jupyter_cloudml.core.errors import NotInstalled
from jupyter_cloudml.stores.open import open_store
store, key = open_store("x")
store.put(key, b"1")
store.get(key, Path("y"))
assert Path("y").read_bytes() == b"1"
try:
    open_store("s3://bucket/x")[0].list()
except NotInstalled as exc:
    assert "boto3" in str(exc), exc
"""


@pytest.mark.parametrize("minor", [10, 11, 12, 13])
def test_a_bare_python_of_the_far_end_reads_files(tmp_path, minor):
    """Nothing but the standard library; an SDK that is missing is named."""
    places = [str(p) for p in Path("/root/.pyenv/versions").glob(f"3.{minor}.*/bin")]
    python = shutil.which(f"python3.{minor}", path=os.pathsep.join([*places, "/usr/bin"]))
    if python is None:
        pytest.skip(f"no Python 3.{minor} here")
    root = str(Path(__file__).parents[2])
    env = {"PYTHONPATH": root, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    argv = [python, "-W", "error", "-S", "-c", BARE]
    subprocess.run(argv, cwd=tmp_path, env=env, check=True, timeout=60)
