"""``s3_server``, ``gcs_server``, ``azure_server``: one of each for the whole session, started when first asked for.

Where an engine cannot be had the test is skipped with the reason; in CI (``CI`` is set) it fails.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TypeVar

import pytest

from .azurite import Azurite
from .bigquery import BigQueryEmulator
from .fake_gcs_server import FakeGcsServer
from .install import EngineMissing
from .own_gcs import OwnGcs
from .process import Engine
from .seaweedfs import SeaweedFS
from .spark import SparkCluster

_E = TypeVar("_E", bound=Engine)


def lent(engine: _E) -> Iterator[_E]:
    """The engine, started; stopped when the generator is closed."""
    try:
        engine.start()
    except EngineMissing as exc:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"no {engine.name} here: {exc}")
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[SeaweedFS]:
    yield from lent(SeaweedFS())


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[OwnGcs]:
    """Our own fake, which keeps to the rules that the public one breaks (``fake_gcs_server``)."""
    yield from lent(OwnGcs())


@pytest.fixture(scope="session")
def fake_gcs_server() -> Iterator[FakeGcsServer]:
    yield from lent(FakeGcsServer())


@pytest.fixture(scope="session")
def azure_server() -> Iterator[Azurite]:
    yield from lent(Azurite())


@pytest.fixture(scope="session")
def spark_cluster() -> Iterator[SparkCluster]:
    yield from lent(SparkCluster())


@pytest.fixture(scope="session")
def bigquery_server() -> Iterator[BigQueryEmulator]:
    yield from lent(BigQueryEmulator())
