"""What the jobs of today cost, as far as their targets know."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import cache

from ..core.errors import CloudMLError
from ..core.spec import TargetRef
from ..targets.config import Config
from ..targets.port import Priced
from ..targets.registry import kinds
from .session import Session

_HOUR_S = 3600.0


def cost_today(session: Session, config: Config, *, now: float) -> float | None:
    """US dollars since the last midnight, of jobs that run and that ran; None where no target knows a price.

    Of a job that ran over midnight the part of today counts. Costs nothing while no target has a price.
    """
    configured = (f"{kind}:{name}" for kind, named in config.targets.items() for name in named)
    if not any(_priced(session, name, config) for name in (*_installed(), *configured)):
        return None
    midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight.timestamp()
    registry = session.registry
    rows = {row.id: row for row in [*registry.changed_since(since, -1)[0], *registry.active()]}
    total = 0.0
    for row in rows.values():
        target = _priced(session, row.target, config)
        price = target.price_per_hour(row.resources) if target is not None else None
        if price is not None and row.started_at is not None:
            ran_s = max(0.0, (row.ended_at or now) - max(row.started_at, since))
            total += price * ran_s / _HOUR_S
    return total


@cache
def _installed() -> tuple[str, ...]:
    """Looking takes 20 ms, and every list of jobs asks: a plug-in that is installed later counts in the next process."""
    return tuple(kinds())


def _priced(session: Session, name: str, config: Config) -> Priced | None:
    with suppress(CloudMLError):  # a target that is wrongly configured is said so elsewhere
        target = session.target(TargetRef.parse(name), config)
        return target if isinstance(target, Priced) else None
    return None
