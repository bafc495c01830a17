"""Carriers over bad lines: wrap a good one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeVar

from ..core.errors import Unavailable
from ..journal.paths import JobPaths
from ..targets.port import Carrier, Cursor

_T = TypeVar("_T")
Fate = Literal["ok", "refused", "answer lost"]


class SlowCarrier:
    """Every call takes ``delay_s`` longer. ``sleep`` is for tests that do not want to wait."""

    def __init__(
        self, inner: Carrier, delay_s: float, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._inner = inner
        self._delay_s = delay_s
        self._sleep = sleep

    def push(self, paths: JobPaths) -> str:
        self._sleep(self._delay_s)
        return self._inner.push(paths)

    def pull(self, paths: JobPaths, since: Cursor) -> dict[str, int]:
        self._sleep(self._delay_s)
        return self._inner.pull(paths, since)

    def remove(self, job_id: str) -> None:
        self._sleep(self._delay_s)
        self._inner.remove(job_id)


class FlakyCarrier:
    """Each call meets the next fate: ``ok``, ``refused`` (nothing happens), or ``answer lost`` (it happens, and raises).

    When the fates are used up, all goes well.
    """

    def __init__(self, inner: Carrier, fates: Iterable[Fate]) -> None:
        self._inner = inner
        self._fates: Iterator[Fate] = iter(fates)

    def push(self, paths: JobPaths) -> str:
        return self._meet(lambda: self._inner.push(paths))

    def pull(self, paths: JobPaths, since: Cursor) -> dict[str, int]:
        return self._meet(lambda: self._inner.pull(paths, since))

    def remove(self, job_id: str) -> None:
        self._meet(lambda: self._inner.remove(job_id))

    def _meet(self, call: Callable[[], _T]) -> _T:
        fate = next(self._fates, "ok")
        if fate == "refused":
            raise Unavailable("the fake line is cut")
        answer = call()
        if fate == "answer lost":
            raise Unavailable("the fake line was cut before the answer")
        return answer
