"""The copy of a tracking server's runs that `run_index` reads: a process of its own asks MLflow and writes it.

MLflow's client stays out of the Jupyter server (its import takes seconds and 200 MB) and brings every way of logging in.
The process ends when nobody has asked for `LINGER_S`, and with the process that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from ..core.errors import Unavailable
from .config import quiet_environment, without_userinfo

LINGER_S = 60.0
EVERY_S = 5.0
FIRST_S = 30.0
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""MLflow's own would try for minutes before it says that nobody answers."""


class Feed:
    """One server's feeder process, started when it is asked for and not there. Safe from many threads.

    ``every_s``: how often the server is asked what is new.
    """

    def __init__(
        self, uri: str, copy: Path, environ: Mapping[str, str], *, every_s: float = EVERY_S
    ) -> None:
        self.uri, self.copy = uri, copy
        self._every_s = every_s
        self._environ = {**_PATIENCE, **environ}
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None

    def ensure(self) -> None:
        """The copy is there and being kept up to date when this returns.

        Raises:
            Unavailable: the server does not answer, and there is no copy of an earlier day either.
        """
        with self._lock:
            self._start()
        deadline = time.monotonic() + FIRST_S
        while "synced_at" not in (state := self._state()):
            process = self._process
            if process is None or process.poll() is not None or time.monotonic() > deadline:
                raise self._away()
            if state.get("away", {}).get("pid") == process.pid:
                raise self._away()
            time.sleep(0.05)

    def is_complete(self) -> bool:
        """Whether every run of the server has been in the copy."""
        return bool(self._state().get("complete"))

    def away_since(self) -> float | None:
        """Since when the server has not answered, so that the copy is of that time; None while it does."""
        away = self._state().get("away")
        return float(away["since"]) if away else None

    def curves(self, run_ids: Collection[str], metric: str) -> dict[str, Any]:
        """Asked of the server each time: histories are not copied.

        Raises:
            Unavailable: it does not answer.
        """
        self.ensure()
        with self._lock:
            self._start()
            process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise self._away()
        question = {"runs": list(run_ids), "metric": metric}
        with self._asking:
            try:
                return _asked(process.stdin, process.stdout, question)
            except (OSError, ValueError) as exc:  # also when it was ended meanwhile
                raise self._away() from exc

    def close(self) -> None:
        """End the process. Safe to repeat."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            process.wait()

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(LINGER_S, self.close)
        self._timer.daemon = True
        self._timer.start()
        if self._process is not None and self._process.poll() is None:
            return
        quiet_environment(self._environ)
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.run_copier", str(self.copy), str(self._every_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**self._environ, "CLOUDML_FEED_URI": self.uri},  # a password is in no argv
            start_new_session=True,
        )

    def _state(self) -> dict[str, Any]:
        address = f"file:{quote(str(self.copy))}?mode=ro"
        try:
            with contextlib.closing(sqlite3.connect(address, uri=True, timeout=5)) as db:
                rows = db.execute("SELECT key, value FROM state").fetchall()
        except sqlite3.Error:
            return {}
        return {key: json.loads(value) for key, value in rows}

    def _away(self) -> Unavailable:
        return Unavailable(
            f"the tracking server {without_userinfo(self.uri)} does not answer",
            hint="jobs go on, and their runs appear there when it answers again",
        )


def _asked(
    to_process: IO[bytes], from_process: IO[bytes], question: dict[str, Any]
) -> dict[str, Any]:
    to_process.write(json.dumps(question).encode() + b"\n")
    to_process.flush()
    answer: dict[str, Any] = json.loads(from_process.readline())
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer


_feeds: dict[tuple[str, Path, int], Feed] = {}
_feeds_lock = threading.Lock()


def feed(uri: str, copy: Path, environ: Mapping[str, str]) -> Feed:
    """The feed of ``uri`` in this process, up to date; raises as `Feed.ensure`."""
    key = (uri, copy, os.getpid())
    with _feeds_lock:
        found = _feeds.setdefault(key, Feed(uri, copy, environ))
    found.ensure()
    return found


def close_feeds() -> None:
    """End every feeder of this process. Safe to repeat."""
    with _feeds_lock:
        open_feeds = list(_feeds.values())
        _feeds.clear()
    for item in open_feeds:
        item.close()
