from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from jupyter_cloudml.stores import http
from jupyter_cloudml.stores.config import StoreOptions
from jupyter_cloudml.stores.gcs.store import GcsStore
from jupyter_cloudml.stores.transfer import download, upload
from tests.engines.fixtures import lent
from tests.engines.own_gcs import OwnGcs
from tests.engines.process import Engine

VARIABLES = ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT")
Opened = Callable[..., GcsStore]


@pytest.fixture(scope="package")
def closed_gcs() -> Iterator[OwnGcs]:
    """Our own fake that lets nobody in without a token."""
    yield from lent(OwnGcs(authenticated=True))


@pytest.fixture
def own_gcs() -> Iterator[OwnGcs]:
    """One for this test alone, which may kill it."""
    yield from lent(OwnGcs())


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """``opened(server, bucket=…, **options)``: the store as a user of this environment gets it."""
    monkeypatch.setattr(http, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(download, "_FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(upload, "_FIRST_PAUSE_S", 0.02)

    def open_(server: Engine, bucket: str | None = None, **options: str) -> GcsStore:
        environ = server.environ  # type: ignore[attr-defined]
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        name = bucket or server.new_bucket()  # type: ignore[attr-defined]
        return GcsStore.from_options(f"gs://{name}", StoreOptions(**options))

    return open_
