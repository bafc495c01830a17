"""A cell that looks at a job: output, card and interrupts, until the job is over or the user looks away."""

from __future__ import annotations

import contextlib
import contextvars
import sys
import threading
import time
from typing import Any

from ..client.follow import Event, Pace, batches
from ..client.job import Job
from ..core import events as kinds
from ..core.states import JobState
from .live import LiveCard
from .replay import Replay

SECOND_INTERRUPT_S = 5.0
CANCEL_WAIT_S = 60.0
OUTPUT_EVERY_S = 0.1
YOUNG_S = 1.0
RUN_WAIT_S = 30.0
RUN_EVERY_S = 0.2


class Watch:
    """One look at one job. ``is_batch``: nobody is there to press ■ again, so the first interrupt cancels."""

    def __init__(self, shell: Any, job: Job, *, is_batch: bool) -> None:
        self.job = job
        self.follower = job.from_start()
        self.card = LiveCard(shell, f"cloudml-{job.id}-{time.monotonic_ns():x}")
        self.replay = Replay(shell, self.card.show_again)
        self._is_batch = is_batch
        self._pace = Pace()
        self._pending: list[Event] = []
        self._played_at = 0.0

    def run(self) -> JobState | None:
        """Show everything up to the end; the final state, or None when the user detached and the job goes on.

        Raises:
            KeyboardInterrupt: the user interrupted a third time, while the job was being cancelled.
        """
        try:
            self.card.show(self.job.snapshot_of(self.follower))
            return self._follow()
        except KeyboardInterrupt:
            return self._interrupted()

    def finish(self) -> None:
        """The card's last picture. A run that MLflow has not named yet is added to it a little later, from a thread."""
        last = self.job.snapshot_of(self.follower)
        self.card.show(last, is_last=True)
        if not last["run_id"] and self.card.can_update:
            here = contextvars.copy_context()  # what the thread sends still belongs to this cell
            add = threading.Thread(
                target=here.run, args=(self._add_run,), name="cloudml-card", daemon=True
            )
            add.start()

    def _add_run(self) -> None:
        deadline = time.monotonic() + RUN_WAIT_S
        while time.monotonic() < deadline:
            time.sleep(RUN_EVERY_S)
            last = self.job.snapshot_of(self.follower)
            if last["run_id"]:
                self.card.show(last, is_last=True)
                return

    def _follow(self, deadline: float | None = None) -> JobState | None:
        for batch in batches(self.follower, self._pace, deadline):
            self._pending += [event["output"] for event in batch if event["k"] == kinds.OUTPUT]
            self._play_when_due()
            if self.card.is_due():
                self.card.show(self.job.snapshot_of(self.follower))
        self._play()
        return self.follower.final

    def _play_when_due(self) -> None:
        if not self._pending:
            return
        young = self._pace.age_s() < YOUNG_S
        if young or time.monotonic() - self._played_at >= OUTPUT_EVERY_S:
            self._play()
            if young:
                sys.stdout.flush()  # a kernel would keep the first lines back for 200 ms

    def _play(self) -> None:
        outputs, self._pending = self._pending, []
        self.replay.play(outputs)
        self._played_at = time.monotonic()

    def _interrupted(self) -> JobState | None:
        if self._is_batch or self._presses_again():
            return self._cancel()
        return None

    def _presses_again(self) -> bool:
        """Say what the first ■ did, and wait for a second."""
        try:
            _say(
                f"detached: job {self.job.id} goes on, %cloudattach {self.job.id} shows it again; "
                f"■ within {SECOND_INTERRUPT_S:.0f} s cancels it"
            )
            time.sleep(SECOND_INTERRUPT_S)
        except KeyboardInterrupt:
            return True
        return False

    def _cancel(self) -> JobState | None:
        _say(f"cancelling job {self.job.id}")
        self.job.cancel()
        with contextlib.suppress(TimeoutError):
            return self._follow(deadline=time.monotonic() + CANCEL_WAIT_S)
        _say(f"job {self.job.id} has not stopped yet; %cloudattach {self.job.id} shows it")
        return None


def _say(text: str) -> None:
    sys.stderr.write(f"cloudml: {text}\n")
    sys.stderr.flush()
