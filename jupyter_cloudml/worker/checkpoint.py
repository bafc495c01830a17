"""Checkpoints of a training: whole or not there at all, the newest found again by the next attempt."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core import events
from ..core.errors import BadInput, Corrupt
from ..core.uris import local_path, scheme_of
from . import context, far_checkpoints
from .far_checkpoints import NAME as _NAME

if TYPE_CHECKING:
    from ..core.spec import JobSpec
    from ..journal.paths import JobPaths

_FORMATS = ("torch", "pickle")


def save(state: Any, *, step: int, keep: int = 3) -> Path:
    """Write ``state`` as the checkpoint of ``step`` and return its path. Only the newest ``keep`` are kept.

    After return it survives a kill of this process; a kill during the call leaves the checkpoints before it as they
    were. Saving a step again replaces it. ``torch.save`` writes it where torch is imported, else pickle. It lands where
    ``--checkpoint`` says, else in the job's folder; at home in ``./checkpoints``. In a store it is there whole, as the
    newest one, when this returns; the path is that of a copy here.

    Raises:
        BadInput: ``step`` is not a whole number of 0 or more.
        What the store raises; the checkpoint is kept here then.
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
        far = job.checkpoint_uri
        uri = far_checkpoints.publish(far, path, keep) if far else path.as_uri()
        job.writer.append(events.CHECKPOINT, step=step, uri=uri)
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
    here = found[-1] if found else None
    job = context.current()
    if job is None or not job.checkpoint_uri:
        return here
    far = far_checkpoints.look(job.checkpoint_uri)
    if far is None:
        return here
    if here is not None and here.name not in far.names and here.stat().st_mtime > far.time:
        return here  # it came along from a resumed job, or could not be published
    same = job.checkpoints / far.name
    if same in found and same.stat().st_size == far.size and same == here:
        return here
    return far_checkpoints.bring(job.checkpoint_uri, far, job.checkpoints)


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


def bring_over(uri: str, target: Path) -> None:
    """Put the newest checkpoint below a URI of a store beside this job's own."""
    far = far_checkpoints.look(uri)
    if far is not None and not (target / far.name).exists():
        far_checkpoints.bring(uri, far, target)


def folder_of(spec: JobSpec, paths: JobPaths) -> Path:
    """Where the checkpoints of a job are written: in the directory that ``--checkpoint`` names, which outlives it, else in
    its folder (from where they are published, when ``--checkpoint`` names a store)."""
    if spec.checkpoint_uri and not far_uri_of(spec):
        return local_path(spec.checkpoint_uri)
    return paths.checkpoints


def far_uri_of(spec: JobSpec) -> str:
    """The ``--checkpoint`` of a job where it is in a store, else empty."""
    return spec.checkpoint_uri if scheme_of(spec.checkpoint_uri) != "file" else ""


def has_any(spec: JobSpec, paths: JobPaths) -> bool:
    """Whether a job has left a checkpoint; asks the store where it is in one."""
    if _all(folder_of(spec, paths)):
        return True
    far = far_uri_of(spec)
    return bool(far) and far_checkpoints.look(far) is not None


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
