"""The card of a job that runs: one display, updated four times a second at most, and always at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .card import MIME, bundle

EVERY_S = 0.25


class LiveCard:
    """Shows snapshots under one display id. In a terminal, which cannot update, only the final line appears."""

    def __init__(self, shell: Any, display_id: str) -> None:
        self._shell = shell
        self._id = display_id
        self.can_update = hasattr(shell, "kernel")
        self._shown_at = 0.0
        self._last: Mapping[str, Any] | None = None

    def is_due(self) -> bool:
        """Whether enough time has passed for another update."""
        return self.can_update and time.monotonic() - self._shown_at >= EVERY_S

    def show(self, snapshot: Mapping[str, Any], *, is_last: bool = False) -> None:
        """Show it now: the first time as a new display, then as an update of it. What looks the same is not sent again."""
        update = self._last is not None
        self._shown_at = time.monotonic()
        if self._last is not None and not is_last and _looks(snapshot) == _looks(self._last):
            return
        self._last = snapshot
        if self.can_update or is_last:
            self._publish(update=update and self.can_update, is_last=is_last)

    def show_again(self) -> None:
        """The cell was cleared: show the last snapshot as a new display."""
        if self._last is not None and self.can_update:
            self._publish(update=False, is_last=False)

    def _publish(self, *, update: bool, is_last: bool) -> None:
        self._shown_at = time.monotonic()
        if self._last is not None:
            transient = {"display_id": self._id}
            metadata = {MIME: self._marks(self._last, is_last=is_last)}
            self._shell.display_pub.publish(
                data=bundle(self._last), metadata=metadata, transient=transient, update=update
            )

    def _marks(self, snapshot: Mapping[str, Any], *, is_last: bool) -> dict[str, Any]:
        """What the card in a browser must know to show every output once, whoever shows it (labextension/src/card/who.ts).

        ``output``: the output of the job follows this card, ``live`` for the time being or ``whole``; ``attempt``: of
        the job, which may be tried again; ``bound``: the kernel that has the results, by the session of its messages.
        """
        marks: dict[str, Any] = {
            "output": "whole" if is_last else "live",
            "attempt": snapshot["attempt"],
        }
        if is_last and self.can_update:
            marks["bound"] = self._shell.kernel.session.session
        return marks


def _looks(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader can tell apart."""
    return {key: value for key, value in snapshot.items() if key != "updated_at"}
