"""Checkpoints of a training: whole or not there at all, the newest found again by the next attempt."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core import events
from ..core.errors import BadInput, Corrupt
from ..core.uris import local_path
from . import context

if TYPE_CHECKING:
    from ..core.spec import JobSpec
    from ..journal.paths import JobPaths

_FORMATS = ("torch", "pickle")
_NAME = re.compile(r"step-(\d{12})\.(torch|pickle)")


def save(state: Any, *, step: int, keep: int = 3) -> Path:
    """Write ``state`` as the checkpoint of ``step`` and return its path. Only the newest ``keep`` are kept.

    After return it survives a kill of this process; a kill during the call leaves the checkpoints before it as they
    were. Saving a step again replaces it. ``torch.save`` writes it where torch is imported, else pickle. It lands where
    ``--checkpoint`` says, else in the job's folder; at home in ``./checkpoints``.

    Raises:
        BadInput: ``step`` is not a whole number of 0 or more.
    """
    if not isinstance(step, int) or step < 0:
        raise BadInput(
            f"step {step!r} is not a whole number", hint="checkpoint.save(state, step=3)"
        )
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if keep < 1:
        raise BadInput(f"keep={keep!r} would keep nothing", hint="keep=1 keeps the newest only")
    kind = "torch" if "torch" in sys.modules else "pickle"
    path = folder / f"step-{step:012d}.{kind}"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            _dump(state, file, kind)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    path.with_suffix(".pickle" if kind == "torch" else ".torch").unlink(missing_ok=True)
    for old in _all(folder)[:-keep]:
        old.unlink(missing_ok=True)
    if (job := context.current()) is not None:
        job.writer.append(events.CHECKPOINT, step=step, uri=path.as_uri())
    return path


def latest() -> Any | None:
    """The state of the newest checkpoint of this job, of the job that it resumes, or of any job that was given the same
    ``--checkpoint``; None when there is none.

    Raises:
        Corrupt: the newest checkpoint cannot be read.
    """
    path = latest_path()
    return None if path is None else load(path)


def latest_path() -> Path | None:
    """Where the newest checkpoint lies, by the time it was written; a resumed job's came along."""
    found = _all(_folder())
    return found[-1] if found else None


def latest_step() -> int:
    """The step of the newest checkpoint; -1 when there is none, so that ``range(latest_step() + 1, n)`` is right."""
    path = latest_path()
    match = _NAME.fullmatch(path.name) if path is not None else None
    return int(match[1]) if match else -1


def load(path: Path | str) -> Any:
    """The state that ``save`` wrote at ``path``; tensors of a missing device arrive on the CPU."""
    path = Path(path)
    try:
        if path.suffix == ".torch":
            import torch

            where = None if torch.cuda.is_available() else "cpu"
            return torch.load(path, map_location=where, weights_only=False)
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - the user's own checkpoint
    except (EOFError, pickle.UnpicklingError, OSError, RuntimeError) as exc:
        raise Corrupt(
            f"checkpoint {str(path)!r} cannot be read: {exc}",
            hint="delete it to use the one before",
        ) from exc


def carry_over(source: Path, target: Path) -> None:
    """Put the checkpoints of another job's folder beside this job's own; existing ones stay."""
    if source.resolve() == target.resolve():
        return
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in _all(source):
        if not (target / path.name).exists():
            with tempfile.TemporaryDirectory(dir=target) as room:
                copied = Path(shutil.copy2(path, room))
                copied.replace(target / path.name)


def folder_of(spec: JobSpec, paths: JobPaths) -> Path:
    """Where the checkpoints of a job lie: at its ``--checkpoint`` URI, which outlives it, else in its folder."""
    return local_path(spec.checkpoint_uri) if spec.checkpoint_uri else paths.checkpoints


def _folder() -> Path:
    job = context.current()
    return Path("checkpoints") if job is None else job.checkpoints


def _all(folder: Path) -> list[Path]:
    """The whole checkpoints in a folder, in the order in which they were written (those carried over keep their time)."""
    found = [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def _dump(state: Any, file: Any, kind: str) -> None:
    if kind == "torch":
        import torch

        torch.save(state, file)
    else:
        pickle.dump(state, file, protocol=pickle.HIGHEST_PROTOCOL)
