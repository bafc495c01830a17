"""Lines on a descriptor that wake the forwarder: ``job <id>`` (it starts), ``end <id>`` (it ended)."""

from __future__ import annotations

import os
import select
import time
from dataclasses import dataclass

from ..core.ids import JOB_ID


@dataclass(frozen=True, slots=True)
class Nudge:
    """One line: ``verb`` is ``job`` or ``end``."""

    verb: str
    job_id: str


class Nudges:
    """Reads nudges without ever blocking longer than asked. ``is_open`` turns False when the other end has gone."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""
        self.is_open = True

    def wait(self, timeout_s: float) -> list[Nudge]:
        """The nudges that arrived; at once when there are some, else after ``timeout_s`` at the latest."""
        if not self.is_open:
            time.sleep(max(0.0, timeout_s))
            return []
        readable, _, _ = select.select([self._fd], [], [], max(0.0, timeout_s))
        if not readable:
            return []
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.is_open = False
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [nudge for nudge in map(_parse, lines) if nudge is not None]


def _parse(line: bytes) -> Nudge | None:
    verb, _, job_id = line.decode(errors="replace").strip().partition(" ")
    if verb not in ("job", "end") or not JOB_ID.fullmatch(job_id):
        return None
    return Nudge(verb, job_id)
