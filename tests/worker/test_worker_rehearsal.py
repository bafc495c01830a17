"""What a spare's rehearsal leaves behind: nothing."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import json, logging, os, sys, threading
sys.path.insert(0, {root!r})
import mlflow
from jupyter_cloudml.worker import ambient
from jupyter_cloudml.worker.main import make_shell
from jupyter_cloudml.worker.rehearsal import rehearse

os.environ.pop("MLFLOW_TRACKING_URI", None)
shell = make_shell()

def state():
    return {{
        "felt": ambient.collect(shell.namespace),
        "names": sorted(shell.namespace),
        "environ": dict(os.environ),
        "files": sorted(os.readlink(f"/proc/self/fd/{{fd}}") for fd in os.listdir("/proc/self/fd") if fd.isdigit()
                        and os.path.exists(f"/proc/self/fd/{{fd}}")),
        "threads": threading.active_count(),
        "tracking": mlflow.tracking._tracking_service.utils._tracking_uri,
        "patched": mlflow.log_metric.__module__,
        "count": shell._ip.execution_count,
        "streams": [id(sys.stdout), id(sys.stderr)],
    }}

rehearse(shell)  # what packages set up for themselves on first use is no trace of the second
before = json.dumps(state(), sort_keys=True)
rehearse(shell)
after = json.dumps(state(), sort_keys=True)
print("same" if before == after else before + "\\n" + after)
print(before.count("cloudml-rehearsal"), mlflow.tracking._tracking_service.utils._tracking_uri)
"""


def test_a_rehearsal_leaves_no_file_name_thread_or_option(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(root=str(tmp_path))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "same\n0 None\n"
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
