"""Data directories of their own, with light zygotes, an MLflow database made ahead, and a short grace."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_cloudml.tracking.config import quiet_environment
from jupyter_cloudml.tracking.store import TrackingStore

from .arena import Arena

quiet_environment()

SETTINGS = {
    "CLOUDML_PRELOAD": "light",
    "CLOUDML_CPUS": "4",
    "CLOUDML_GPUS": "0",
    "CLOUDML_GRACE_S": "1",
    "CLOUDML_SPARES": "2",
}


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """An MLflow database of the present schema; making one takes a second."""
    folder = tmp_path_factory.mktemp("store")
    TrackingStore(f"sqlite:///{folder}/mlflow.db", folder / "mlartifacts").close()
    return folder / "mlflow.db"


@pytest.fixture
def make_arena(tmp_path, empty_store, monkeypatch) -> Iterator[Callable[[], Arena]]:
    """Arenas in this test's folder (one is the rule); every process of theirs is gone when the test ends."""
    made: list[Arena] = []
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)

    def make(root: Path = tmp_path) -> Arena:
        home = root / "home"
        home.mkdir(mode=0o700)
        shutil.copy(empty_store, home / "mlflow.db")
        for name, value in {**SETTINGS, "CLOUDML_HOME": str(home)}.items():
            monkeypatch.setenv(name, value)
        made.append(Arena(root, dict(os.environ)))
        return made[-1]

    yield make
    for arena in made:
        arena.close()


@pytest.fixture
def arena(make_arena) -> Arena:
    return make_arena()
