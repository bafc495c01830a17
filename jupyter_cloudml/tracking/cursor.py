"""How far each journal of a job was forwarded, and which one-time steps are behind it; kept in the registry."""

from __future__ import annotations

from typing import Protocol


class CursorStore(Protocol):
    """The part of `journal.registry.Registry` that is used here."""

    def cursors(self, job_id: str) -> dict[str, int]: ...

    def set_cursor(self, job_id: str, file: str, offset: int) -> None: ...


class Cursors:
    """The cursors of one job: read once, then written through.

    A cursor moves only after MLflow has acknowledged everything before it. A kill between the two sends that part
    again, and MLflow's primary key drops what it holds already: nothing is lost, nothing is doubled.
    """

    _CREATE = "#create_run"
    _DRESSED = "#dressed"

    def __init__(self, store: CursorStore, job_id: str) -> None:
        self._store = store
        self._job_id = job_id
        self._known = store.cursors(job_id)

    def offset(self, file: str) -> int:
        """The byte offset up to which the journal ``file`` has been forwarded."""
        return self._known.get(file, 0)

    def advance(self, file: str, offset: int) -> None:
        """Everything of ``file`` before ``offset`` is in MLflow."""
        self._set(file, offset)

    @property
    def create_intended_ms(self) -> int:
        """When a run was about to be made; 0: never. From then on one may exist, whatever we remember."""
        return self._known.get(self._CREATE, 0)

    def intend_create(self, now_ms: int) -> None:
        """Say, before asking MLflow, that a run is about to be made."""
        self._set(self._CREATE, now_ms)

    @property
    def dressed(self) -> int:
        """How far the one-time steps are that follow the creation of the run; 0: none was done."""
        return self._known.get(self._DRESSED, 0)

    def set_dressed(self, step: int) -> None:
        """The one-time steps up to ``step`` are behind us."""
        self._set(self._DRESSED, step)

    def _set(self, file: str, offset: int) -> None:
        self._store.set_cursor(self._job_id, file, offset)
        self._known[file] = offset
