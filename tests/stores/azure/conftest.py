from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jupyter_cloudml.stores import http
from jupyter_cloudml.stores.azure.store import AzureStore
from jupyter_cloudml.stores.config import StoreOptions
from jupyter_cloudml.stores.transfer import download, upload
from jupyter_cloudml.testing.proxy import FaultyProxy
from tests.engines.azurite import Azurite
from tests.engines.fixtures import lent

Opened = Callable[..., AzureStore]


@pytest.fixture
def own_azure() -> Iterator[Azurite]:
    """One for this test alone, which may kill it."""
    yield from lent(Azurite())


@pytest.fixture
def line(azure_server: Azurite) -> Iterator[FaultyProxy]:
    """A line to Azurite that sees every request and breaks on order."""
    with FaultyProxy(("127.0.0.1", azure_server.ports[0])) as proxy:
        yield proxy


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """``opened(server, container=…, line=…, **options)``: the store as a user of this environment gets it."""
    monkeypatch.setattr(http, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(download, "_FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(upload, "_FIRST_PAUSE_S", 0.02)

    def open_(
        server: Azurite,
        container: str | None = None,
        line: FaultyProxy | None = None,
        **options: Any,
    ) -> AzureStore:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        if line is not None:
            options["endpoint"] = f"{line.endpoint}/{server.account}"
        name = container or server.new_bucket()
        return AzureStore.from_options(f"az://{name}", StoreOptions(**options))

    return open_
