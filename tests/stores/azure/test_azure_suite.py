"""The shipped suite on Azurite."""

from __future__ import annotations

import uuid

import pytest

from jupyter_cloudml.stores.azure.store import AzureStore
from jupyter_cloudml.testing import StoreSuite
from tests.engines.azurite import Azurite

from .conftest import Opened

pytestmark = pytest.mark.engine


class TestAzure(StoreSuite):
    @pytest.fixture
    def prefix(self) -> str:
        return f"t/{uuid.uuid4().hex}/"

    @pytest.fixture
    def store(self, azure_server: Azurite, opened: Opened) -> AzureStore:
        return opened(azure_server)
