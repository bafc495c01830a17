"""The zipapp stands alone: a bare Python runs a job folder that was copied elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jupyter_cloudml.core.resources import Resources
from jupyter_cloudml.journal.paths import JobPaths
from jupyter_cloudml.worker.build import build_zipapp
from tests.agent.wheels import make_wheel, wishing
from tests.worker.conftest import Job, make_job


def bare_pythons() -> list[str]:
    """Interpreters of other minors on this machine, and this one without its packages."""
    found = {str(path) for path in Path("/root/.pyenv/versions").glob("3.1[0-9].*/bin/python")}
    on_path = (
        shutil.which(f"python3.{minor}", path="/usr/bin:/usr/local/bin") for minor in range(10, 16)
    )
    return sorted(
        {*found, *filter(None, on_path), getattr(sys, "_base_executable", sys.executable)}
    )


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_zipapp(tmp_path_factory.mktemp("zipapp") / "worker.pyz")


def run_far_away(python: list[str], pyz: Path, job: Job, tmp_path: Path) -> Job:
    """Copy folder and zipapp elsewhere, run them with a bare environment, and look at the copy."""
    far = tmp_path / "elsewhere" / job.paths.job_id
    shutil.copytree(job.paths.root, far)
    alone = Path(shutil.copy(pyz, far.parent / "worker.pyz"))
    environ = {"PATH": os.defpath, "HOME": str(tmp_path)}
    done = subprocess.run(
        [*python, str(alone), str(far)],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    back = Job(JobPaths(far), job.namespace, job.encoded, exit_code=done.returncode)
    assert back.paths.journal().exists(), done.stderr
    assert back.state == "SUCCEEDED", (done.stderr, back.events)
    back.come_home()
    return back


CELL = (
    "import sys\nfrom jupyter_cloudml.worker import sdk\nprint('hello from', name)\nitems.append(double(21))\n"
    "sdk.log(loss=0.5)\ntotal = sum(items)\nasync def later():\n    return 5\nawaited = await later()\n"
    "version = list(sys.version_info[:2])\ntotal"
)


@pytest.mark.parametrize("python", bare_pythons())
def test_bare_python_brings_result_and_journal_back(python, pyz, tmp_path):
    namespace = {"__name__": "__main__"}
    name = str(tmp_path / "cell.py")
    Path(name).write_text("def double(n):\n    return factor * n\n")
    exec(compile(Path(name).read_text(), name, "exec"), namespace)
    items = [1]
    values = {"items": items, "name": "there", "factor": 2, "double": namespace["double"]}
    job = make_job(tmp_path / "0123456789ab", CELL, values, portable=True, namespace=namespace)
    back = run_far_away([python, "-I"], pyz, job, tmp_path)
    assert back.exit_code == 0
    assert items == [1, 42]
    assert back.namespace["total"] == 43
    assert back.namespace["awaited"] == 5
    assert back.text() == "hello from there\n"
    assert back.kinds("metric")[0]["m"] == {"loss": 0.5}
    assert back.outputs[-1]["data"]["text/plain"] == "43"
    shown = json.loads(back.paths.result_cell.read_text())
    assert shown["cells"][0]["outputs"][0]["text"] == "hello from there\n"


def test_no_site_packages_of_the_same_minor_are_enough(pyz, tmp_path):
    job = make_job(tmp_path / "0123456789ab", "x = [n for n in range(3)]", portable=True)
    back = run_far_away([sys.executable, "-I", "-S"], pyz, job, tmp_path)
    assert back.namespace["x"] == [0, 1, 2]


def test_error_without_ipython_still_tells_the_line(pyz, tmp_path):
    job = make_job(tmp_path / "0123456789ab", "def f():\n    return 1 / 0\nf()", portable=True)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(pyz), str(job.paths.root)],
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 1
    text = "\n".join(job.error["traceback"])
    assert "Cell In[7], line 2, in f" in text
    assert "----> 2     return 1 / 0" in text
    job.come_home()
    assert isinstance(job.applied.exception, ZeroDivisionError)


@pytest.mark.parametrize("flags", [["-I"], ["-I", "-S"]], ids=["with pip", "without pip"])
def test_packages_and_limits_of_memory_need_no_more_than_the_zipapp(flags, pyz, tmp_path):
    make_wheel(tmp_path / "wheels", "tinything", "1.0", "VALUE = 'one'\n")
    job = make_job(
        tmp_path / "0123456789ab",
        "import tinything\nvalue = tinything.VALUE",
        portable=True,
        requirements=wishing(tmp_path / "wheels", "tinything"),
        resources=Resources(memory_mib=8192),
    )
    python = getattr(sys, "_base_executable", sys.executable)
    back = run_far_away([python, *flags], pyz, job, tmp_path)
    assert back.namespace["value"] == "one"
    states = dict.fromkeys(e["state"] for e in back.kinds("state"))
    assert list(states) == ["STARTING", "RUNNING", "SUCCEEDED"]
    assert [path.name for path in (tmp_path / ".cache/jupyter_cloudml").iterdir()] == [
        "environments"
    ]


def test_same_code_makes_the_same_bytes_and_is_not_built_twice(tmp_path):
    again = build_zipapp(tmp_path / "worker.pyz")
    assert again.read_bytes() == build_zipapp(tmp_path / "other.pyz").read_bytes()
    before = again.stat().st_mtime_ns
    assert build_zipapp(again).stat().st_mtime_ns == before


def test_zipapp_carries_only_what_the_far_side_needs(pyz):
    names = zipfile.ZipFile(pyz).namelist()
    rooms = {name.split("/")[1] for name in names if name.startswith("jupyter_cloudml/")}
    assert rooms == {
        "__init__.py",
        "core",
        "wire",
        "journal",
        "stores",
        "streaming",
        "prep",
        "worker",
    }
    assert "jupyter_cloudml/journal/registry.py" not in names
    assert any(name.startswith("cloudpickle/") for name in names)
