"""A bucket of SeaweedFS, the store in it, and the same store through a proxy that sees and breaks."""

import os
import uuid
from urllib.parse import urlsplit

import pytest

from jupyter_cloudml.stores.config import StoreOptions
from jupyter_cloudml.stores.s3.store import S3Store
from jupyter_cloudml.testing import FaultyProxy


@pytest.fixture(scope="package")
def bucket(s3_server):
    return s3_server.new_bucket("stores")


@pytest.fixture
def chain(s3_server, monkeypatch):
    """boto3's own chain finds the server and its keys."""
    for name, value in s3_server.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def proxy(s3_server):
    where = urlsplit(s3_server.endpoint)
    with FaultyProxy((where.hostname, where.port)) as made:
        yield made


@pytest.fixture
def prefix():
    return f"t/{uuid.uuid4().hex}/"


@pytest.fixture
def store(bucket, chain):
    return S3Store(f"s3://{bucket}", StoreOptions())


@pytest.fixture
def through(bucket, chain, proxy):
    """The store as it is seen through the proxy, with ``[stores]`` options."""

    def make(**options):
        return S3Store(f"s3://{bucket}", StoreOptions(endpoint=proxy.endpoint, **options))

    return make
