from __future__ import annotations

import subprocess
import sys

import pytest

import jupyter_cloudml as cloudml

HEAVY = ("torch", "mlflow", "numpy", "pandas", "sqlite3", "IPython")


def loaded_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint(*(n for n in {HEAVY!r} if n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_after("import jupyter_cloudml") == set()


def test_the_client_loads_no_sdk():
    assert loaded_after("import jupyter_cloudml as c; c.submit, c.get, c.remote, c.Job") <= {
        "sqlite3"
    }


@pytest.mark.parametrize("name", cloudml.__all__)
def test_every_public_name_resolves(name):
    assert getattr(cloudml, name) is not None


def test_at_home_there_are_no_parameters_and_the_rank_is_zero():
    assert (cloudml.params, cloudml.rank, cloudml.world_size) == ({}, 0, 1)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cloudml.nothing
