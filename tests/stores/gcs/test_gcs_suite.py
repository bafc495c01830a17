"""The shipped suite on our fake and, but for what it does wrong, on the public one."""

from __future__ import annotations

import uuid

import pytest

from jupyter_cloudml.core.errors import Unauthorised
from jupyter_cloudml.stores.gcs.store import GcsStore
from jupyter_cloudml.stores.port import Store
from jupyter_cloudml.testing import StoreSuite
from tests.engines.fake_gcs_server import FakeGcsServer
from tests.engines.own_gcs import OwnGcs

from .conftest import Opened

pytestmark = pytest.mark.engine


class GcsSuite(StoreSuite):
    @pytest.fixture
    def prefix(self) -> str:
        return f"t/{uuid.uuid4().hex}/"


class TestGcs(GcsSuite):
    @pytest.fixture
    def store(self, gcs_server: OwnGcs, opened: Opened) -> GcsStore:
        return opened(gcs_server)


class TestGcsWithTokens(GcsSuite):
    """The same on a server that knows us by our tokens only, with a key of Cloud KMS on every write."""

    @pytest.fixture
    def store(self, closed_gcs: OwnGcs, opened: Opened) -> GcsStore:
        return opened(closed_gcs, encryption="cmek:projects/p/k")


class TestPublicEmulator(GcsSuite):
    """It counts no prefixes into a page, and its resumable sessions ignore conditions; those promises wait for the
    other two."""

    test_pages_show_every_name_once = None
    test_if_absent = None
    test_if_match = None

    @pytest.fixture
    def store(self, fake_gcs_server: FakeGcsServer, opened: Opened) -> GcsStore:
        return opened(fake_gcs_server)

    def test_a_link_lets_its_bearer_read(self, store: Store, prefix: str) -> None:
        """It has no accounts, so nobody can sign."""
        with pytest.raises(Unauthorised, match="cannot be signed"):
            store.presign(prefix + "x")
