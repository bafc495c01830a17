"""What a kernel imports while its job runs."""

from __future__ import annotations

import subprocess
import sys


def _answer(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip()


HEAD = "import sys; from jupyter_cloudml.client.anticipate import import_ahead\n"


def test_the_packages_of_the_result_are_imported_meanwhile():
    code = (
        HEAD + "import_ahead({'numpy.random', 'os', 'json'}).join(); print('numpy' in sys.modules)"
    )
    assert _answer(code) == "True"


def test_other_packages_and_those_that_are_here_are_left_alone():
    code = (
        HEAD + "import numpy; print(import_ahead({'numpy', 'antigravity', 'this'}), len(sys.argv))"
    )
    assert _answer(code) == "None 1"


def test_a_package_that_cannot_be_imported_is_left_to_who_needs_it(tmp_path):
    (tmp_path / "torch.py").write_text("raise RuntimeError('broken')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        + HEAD
        + "import_ahead({'torch'}).join(); print('quiet')"
    )
    assert _answer(code) == "quiet"
