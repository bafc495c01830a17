"""A hostile neighbour: modes, foreign files, and a secret that must be nowhere."""

from __future__ import annotations

import ast
import json
import os
import pickle
import re
import stat
import time
from pathlib import Path

import pytest

import jupyter_cloudml
from jupyter_cloudml.client.homecoming import is_own, rebuild
from jupyter_cloudml.core.errors import BadInput, Corrupt, FarSideError
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.wire import BlobStore, decode

from .kernels import answer, processes_of

SECRET = "s3cr3t-" + "Zq7" * 6
CELL = """\
import os, sys, warnings, logging, subprocess
import matplotlib.pyplot as plt
import jupyter_cloudml as cloudml, mlflow
token = os.environ["MY_SECRET"]
kept = {"inside": [token]}
print(token); print(token, file=sys.stderr); sys.stdout.write(token[:9]); sys.stdout.write(token[9:])
warnings.warn(token); logging.warning(token)
subprocess.run(["sh", "-c", 'echo "$MY_SECRET"'])
mlflow.log_param("password", token); mlflow.set_tag("tagged", token)
mlflow.log_metric("m_" + token, 1.0); cloudml.log(**{token: 2.0}, step=1)
for _ in cloudml.progress(range(2), desc=token): pass
plt.figure(); plt.title(token); plt.plot([1, 2]); plt.show()
from IPython.display import display, HTML
display(HTML(f"<b>{token}</b>"))
"""


@pytest.fixture(scope="module")
def home(root):
    return DataHome(root)


@pytest.fixture(scope="module")
def spilt(notebook):
    """A notebook whose cells did all they could to spill a secret."""
    notebook.run(f"import os; os.environ['MY_SECRET'] = {SECRET[:5]!r} + {SECRET[5:]!r}")
    told = [
        notebook.run(f"%%cloudtrain spill --secret MY_SECRET\n{CELL}{last}")
        for last in ("token", "raise RuntimeError(f'bad {token}', token)", "1")
    ]
    for ran in told:
        deadline = time.monotonic() + 60
        while not _is_tracked(notebook, ran.job):
            assert time.monotonic() < deadline
            time.sleep(0.2)
    return told


def _is_tracked(notebook, job):
    rows = {row["id"]: row for row in answer(notebook.home.root, "jobs", "-n", "100")}
    return rows[job]["tracking_state"] == "ended"


def test_a_secret_that_a_cell_spills_is_nowhere_on_the_disk(spilt, home):
    said = {SECRET.encode(), SECRET[::-1].encode(), SECRET.encode("utf-16-le")}
    holders = [
        str(path)
        for path in home.root.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in said)
    ]
    assert holders == []


def test_a_secret_is_on_no_command_line(spilt, home):
    assert [line for line in processes_of(home.root).values() if SECRET in line] == []


def test_a_secret_is_masked_where_the_notebook_shows_it(spilt):
    assert "***MY_SECRET***" in spilt[0].text()
    for ran in spilt:
        assert SECRET not in json.dumps(ran.messages)
        assert SECRET not in json.dumps(ran.reply)
    assert spilt[1].reply["ename"] == "RuntimeError"


def test_only_the_user_can_look_into_the_data_directory(spilt, home):
    open_to_others = {
        str(path.relative_to(home.root)): oct(path.lstat().st_mode & 0o777)
        for path in [home.root, *home.root.rglob("*")]
        if not path.is_symlink() and path.lstat().st_mode & 0o077 and not _is_shielded(path, home)
    }
    assert open_to_others == {}
    assert stat.S_IMODE(home.agent_socket.stat().st_mode) == 0o600


def _is_shielded(path: Path, home: DataHome) -> bool:
    """MLflow's own files keep the modes that MLflow gives them, below a directory that is closed."""
    return path.is_relative_to(home.mlartifacts) or path.name.startswith("mlflow.db")


def test_a_folder_of_another_user_is_neither_listed_nor_unpickled(notebook, home, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    notebook.run("class Thing: pass")
    ran = notebook.run("%%cloudtrain\nthing = Thing()")
    paths = home.job(ran.job)
    assert is_own(paths)
    os.chown(paths.result_manifest, 65534, 65534)
    with pytest.raises(FarSideError, match="not trusted"):
        rebuild(paths)
    pulled = notebook.run(f"%cloudpull {ran.job}")
    assert "not trusted" in pulled.error
    assert len(pulled.traceback) == 1


def test_a_pickle_of_a_stranger_is_refused_and_runs_nothing(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    store = BlobStore(tmp_path / "blobs")
    ref = store.put(pickle.dumps(Evil()))
    stream = {"blob": ref.digest, "size": ref.size}
    manifest = {
        "names": {"x": {"root": 0}},
        "leaves": [],
        "buffers": [],
        "regions": [],
        "roots": 1,
        "stream": stream,
    }
    with pytest.raises(FarSideError, match="not trusted"):
        decode(manifest, namespace={}, blobs=store, trusted=False)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "x3-../../x", "/etc/passwd", ""])
def test_a_digest_or_job_id_cannot_leave_its_directory(tmp_path, name):
    with pytest.raises(Corrupt):
        BlobStore(tmp_path).open(name)
    with pytest.raises(BadInput):
        DataHome(tmp_path).job(name)


def test_the_package_starts_no_shell_and_loads_no_unsafe_yaml():
    found = []
    for path in Path(jupyter_cloudml.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                found.append((path.name, ast.unparse(node)))
            text = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if re.fullmatch(r"(os\.(system|popen)|yaml\.(unsafe_load|full_load|Loader))", text):
                found.append((path.name, text))
    assert [item for item in found if item[1] not in ("shell=shell", "shell=None")] == []
