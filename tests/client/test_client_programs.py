from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from jupyter_cloudml.client.programs import execute_notebook

PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def test_a_notebook_runs_over_private_sockets_and_its_kernel_warns_of_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = "from ipykernel.kernelapp import IPKernelApp\nprint(IPKernelApp.instance().transport)"
    made = nbformat.v4.new_notebook(metadata=PYTHON, cells=[nbformat.v4.new_code_cell(source)])
    nbformat.write(made, tmp_path / "a.ipynb")
    execute_notebook(str(tmp_path / "a.ipynb"), str(tmp_path / "b.ipynb"), {})
    (cell,) = nbformat.read(tmp_path / "b.ipynb", as_version=4).cells
    assert cell.outputs[0].text == "ipc\n"
    assert "encryption" not in "".join(capfd.readouterr())
