"""What a process needs to speak of jobs: the data directory, the registry, the blobs, the configured targets."""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..agent.nudge import nudge, warm
from ..core.errors import NotFound
from ..core.spec import JobSpec, TargetRef
from ..journal.atomic import read_json
from ..journal.home import DataHome
from ..journal.paths import JobPaths
from ..journal.registry import Registry
from ..targets.config import Config, load_config
from ..targets.port import Target
from ..targets.registry import open_target
from ..wire import BlobStore


class Session:
    """One user's data directory, as one process sees it. Holds no job; safe to share between threads."""

    def __init__(self, home: DataHome) -> None:
        self.home = home
        self.registry = Registry(home.registry_db)
        self.blobs = BlobStore(home.blobs, fan_out=True)
        self._targets: dict[tuple[TargetRef, str], Target] = {}

    def job_id(self, text: str) -> str:
        """The whole id of the job that ``text`` (an id or a unique beginning of one) names."""
        return self.registry.get(text.strip()).id

    def paths(self, job_id: str) -> JobPaths:
        return self.home.job(job_id)

    def spec(self, job_id: str) -> JobSpec:
        """What was asked for.

        Raises:
            NotFound: the job folder is gone.
            Corrupt: it is damaged.
        """
        paths = self.paths(job_id)
        if not paths.root.is_dir():
            raise NotFound(f"the folder of job {job_id} is gone", hint="submit it again")
        return JobSpec.from_json(read_json(paths.spec) or {})

    def target(self, ref: TargetRef, config: Config) -> Target:
        """The target that ``ref`` means, opened once for each configuration of it."""
        key = (ref, repr(config.targets.get(ref.kind)))
        if key not in self._targets:
            self._targets[key] = open_target(ref, config=config, home=self.home)
        return self._targets[key]

    def nudge(
        self,
        job_id: str,
        *,
        secrets: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Have the agent look at a job now; it is started when it does not run.

        With ``secrets`` and ``environ`` it gets values that it keeps in its memory, the only place that they ever lie in.

        Raises:
            Unavailable: it can be neither reached nor started.
        """
        given = {"secrets": secrets, "environ": environ}
        by_hand = {key: dict(values) for key, values in given.items() if values}
        nudge(self.home, {"op": "nudge", "job": job_id, **by_hand})

    def warm(self) -> None:
        """Have workers prepared for this very interpreter and environment; returns before they are ready."""
        warm(self.home)


def current_session(environ: Mapping[str, str] | None = None) -> Session:
    """The session of ``CLOUDML_HOME`` (default: the platform's place), opened once per process and directory."""
    return _opened(DataHome.from_environ(os.environ if environ is None else environ), os.getpid())


@lru_cache(maxsize=8)
def _opened(home: DataHome, _pid: int) -> Session:
    return Session(home)


def configuration(cwd: Path | None = None) -> Config:
    """``cloudml.toml`` of the user and of the project around ``cwd``; BadInput names file and key that are wrong."""
    return load_config(cwd or Path.cwd())


def blob_digests(manifest: Mapping[str, Any]) -> list[str]:
    """Every blob that a bundle's manifest names."""
    return [entry["blob"] for entry in _stored(manifest) if "blob" in entry]


def inline_bytes(manifest: Mapping[str, Any]) -> list[bytes]:
    """The small pieces of bytes that a bundle's manifest holds itself."""
    return [b64decode(entry["inline"]) for entry in _stored(manifest) if "inline" in entry]


def _stored(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    whole = [manifest[key] for key in ("stream", "pack") if key in manifest]
    return [*manifest.get("regions", ()), *whole]
