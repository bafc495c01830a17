"""A data directory of the tests' own: uploads that may go on later are remembered there."""

import contextlib
import resource

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("cloudml-home")
    monkeypatch.setenv("CLOUDML_HOME", str(home))
    return home


@pytest.fixture
def no_more_than():
    """``with no_more_than(n):`` the kernel refuses to let a file of this process grow beyond ``n`` bytes."""

    @contextlib.contextmanager
    def limited(count):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited
