"""A slow link is no broken one: each store sends a large file through it, at the pace that it has."""

import pytest

from jupyter_cloudml.stores import http
from jupyter_cloudml.stores.config import StoreOptions
from jupyter_cloudml.stores.open import schemes
from jupyter_cloudml.testing import FaultyProxy

pytestmark = pytest.mark.engine

MIB = 1 << 20
SIZE = 20 * MIB
BYTES_PER_S = 7 * MIB


@pytest.fixture(params=["s3", "gs", "az"])
def slow(request, monkeypatch):
    """The store, and the slow line to its server."""
    server = request.getfixturevalue(
        {"s3": "s3", "gs": "gcs", "az": "azure"}[request.param] + "_server"
    )
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    with FaultyProxy(("127.0.0.1", server.ports[0]), bytes_per_s=BYTES_PER_S) as line:
        where = line.endpoint + (f"/{server.account}" if request.param == "az" else "")
        root = f"{request.param}://{server.new_bucket()}"
        yield schemes()[request.param].load().from_options(root, StoreOptions(endpoint=where))


@pytest.mark.parametrize("condition", [{}, {"if_absent": True}], ids=["parts", "conditional"])
def test_sending_a_part_may_take_longer_than_connecting(slow, condition, tmp_path, monkeypatch):
    monkeypatch.setattr(http, "TIMEOUT_S", (0.05, 60))
    source = tmp_path / "large"
    source.write_bytes(b"".join(n.to_bytes(4, "big") * 1024 for n in range(SIZE // 4096)))
    told = []
    slow.put("large", source, progress=told.append, **condition)
    assert sum(told) == SIZE
    slow.get("large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
