"""Which jobs may share a zygote."""

from __future__ import annotations

from pathlib import Path

from jupyter_cloudml.agent.environment import Environment, sensitive, site_stamp


def test_only_what_is_read_at_start_or_import_matters() -> None:
    environ = {"OMP_NUM_THREADS": "2", "PYTHONPATH": "/x", "LD_LIBRARY_PATH": "/l", "MY_VALUE": "1"}
    assert sensitive(environ).keys() == {"OMP_NUM_THREADS", "PYTHONPATH", "LD_LIBRARY_PATH"}


def test_what_packages_set_as_they_are_imported_does_not_matter() -> None:
    before = Environment.of("python", {"HOME": "/h"})
    after = Environment.of("python", {"HOME": "/h", "KMP_DUPLICATE_LIB_OK": "True"})
    assert before == after


def test_applying_an_environment_removes_what_it_does_not_have() -> None:
    wanted = Environment.of("python", {"OMP_NUM_THREADS": "2"})
    applied = wanted.applied_to({"OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "8", "USER": "me"})
    assert applied == {"OMP_NUM_THREADS": "2", "USER": "me"}


def test_the_stamp_changes_with_an_installed_package(tmp_path: Path) -> None:
    before = site_stamp([str(tmp_path), "/nowhere"])
    (tmp_path / "package").mkdir()
    assert site_stamp([str(tmp_path), "/nowhere"]) != before
