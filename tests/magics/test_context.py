"""Who watches a cell: found out from the kernel's own server in Lab, and without one elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_cloudml.magics import context
from jupyter_cloudml.magics.context import is_batch

KERNEL = SimpleNamespace(kernel=object())
TERMINAL = SimpleNamespace()
SERVER = "4711"


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime directory with the file of one Jupyter server."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    (tmp_path / f"jpserver-{SERVER}.json").write_text(json.dumps({"pid": int(SERVER)}))
    context._has_server.cache_clear()
    return tmp_path


@pytest.mark.parametrize(
    ("shell", "environ", "expected"),
    [
        pytest.param(KERNEL, {"JPY_PARENT_PID": SERVER}, False, id="a kernel of a Jupyter server"),
        pytest.param(KERNEL, {"JPY_PARENT_PID": "4712"}, True, id="papermill's kernel"),
        pytest.param(KERNEL, {}, True, id="a kernel of nobody that is known"),
        pytest.param(KERNEL, {"VSCODE_PID": "1"}, False, id="VS Code"),
        pytest.param(TERMINAL, {}, False, id="plain IPython"),
    ],
)
def test_a_kernel_is_watched_where_its_server_is_found_and_where_there_is_none_to_find(
    shell: Any, environ: dict[str, str], expected: bool
) -> None:
    assert is_batch(shell, environ, None) is expected
    assert is_batch(shell, environ, True) is True
    assert is_batch(shell, environ, False) is False


def test_another_server_of_the_user_is_not_taken_for_the_kernels_own() -> None:
    assert is_batch(KERNEL, {"JPY_PARENT_PID": "1"}, None)


def test_a_kernel_knows_its_server_still_when_the_server_has_gone(runtime: Path) -> None:
    environ = {"JPY_PARENT_PID": SERVER}
    assert not is_batch(KERNEL, environ, None)
    (runtime / f"jpserver-{SERVER}.json").unlink()
    assert not is_batch(KERNEL, environ, None)
