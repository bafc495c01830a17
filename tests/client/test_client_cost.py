"""What today's jobs cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.client import cost
from jupyter_cloudml.client.cost import cost_today
from jupyter_cloudml.client.session import Session
from jupyter_cloudml.core.resources import Resources
from jupyter_cloudml.core.spec import JobSpec, TargetRef
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.targets import registry
from jupyter_cloudml.targets.config import Config
from jupyter_cloudml.testing.fakes import FakeCluster, FakeTarget

NOON = datetime(2026, 3, 4, 12).timestamp()
HOUR_S = 3600.0


class Hired(FakeTarget):
    """Two dollars an hour and GPU; nobody knows the price without."""

    kind = "hired"

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any], *, home: DataHome) -> Hired:
        return cls(FakeCluster(home), name=name)

    def price_per_hour(self, resources: Resources) -> float | None:
        return 2.0 * resources.gpus or None


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = Session(DataHome(tmp_path))
    yield made
    made.registry.close()


@pytest.fixture
def hired(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    point = EntryPoint("hired", f"{__name__}:Hired", registry.GROUP)
    entry_points = registry.entry_points
    monkeypatch.setattr(registry, "entry_points", lambda group: [*entry_points(group=group), point])
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda kind: Hired if kind == "hired" else load(kind))
    cost._installed.cache_clear()
    yield
    cost._installed.cache_clear()


def ran(
    session: Session, number: int, kind: str, begin_h: float, end_h: float | None, gpus: int = 1
) -> None:
    """A job from and to so many hours before noon."""
    resources = Resources(gpus=gpus)
    target = TargetRef(kind=kind, name="")
    spec = JobSpec(id=f"{number:012x}", source="1", target=target, resources=resources)
    session.registry.insert(spec, NOON - begin_h * HOUR_S)
    session.registry.move(spec.id, JobState.RUNNING, now=NOON - begin_h * HOUR_S)
    if end_h is not None:
        session.registry.move(spec.id, JobState.SUCCEEDED, now=NOON - end_h * HOUR_S)


def test_a_cost_that_nobody_knows_is_none(session):
    ran(session, 1, "local", 2, 1)
    assert cost_today(session, Config(), now=NOON) is None


def test_the_hours_of_today_are_counted_for_targets_that_know_their_price(session, hired):
    assert cost_today(session, Config(), now=NOON) == 0.0
    ran(session, 1, "hired", 3, 1)  # 2 h
    ran(session, 2, "hired", 1.5, None, gpus=4)  # 1.5 h so far, of four
    ran(session, 3, "hired", 20, 11)  # 1 h of it today
    ran(session, 4, "hired", 40, 30)  # of yesterday
    ran(session, 5, "hired", 5, 4, gpus=0)  # price not known
    ran(session, 6, "local", 5, 4)
    assert cost_today(session, Config(), now=NOON) == pytest.approx(2.0 * (2 + 6 + 1))
