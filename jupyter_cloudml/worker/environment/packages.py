"""The packages that a job asks for with ``-r``: an environment on top of the interpreter's own, made once and kept.

It is a venv whose packages come first, and which sees those of the interpreter that made it behind them: what is
installed already is not installed again. Standard library only; the same at the far end of every target.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import site
import sys
import time
import uuid
import venv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import FarSideError
from ...journal.disk import unavailable
from ...journal.environments import EnvironmentPaths
from ...journal.paths import JobPaths
from . import pip

_SCHEME = 1
_BEHIND = "_behind_these.pth"
_METADATA = (".dist-info", ".egg-info", ".egg-link", ".pth")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The interpreter below an environment: who it is, and the folders in which its packages lie, in their order."""

    python: str
    version: str
    folders: tuple[str, ...]

    @classmethod
    def here(cls) -> Base:
        """This very interpreter."""
        known = [path for path in sys.path if path.endswith("-packages")]
        known += site.getsitepackages()
        if site.ENABLE_USER_SITE:
            known.append(site.getusersitepackages())
        return cls(
            python=sys.executable,
            version=f"{sys.version} {platform.machine()}",
            folders=tuple(dict.fromkeys(known)),
        )

    def stamp(self) -> list[str]:
        """What is installed in it: names and versions of the distributions, as their folders are called."""
        found = []
        for folder in self.folders:
            with contextlib.suppress(OSError):
                found += [name for name in os.listdir(folder) if name.endswith(_METADATA)]  # noqa: PTH208 - names only
        return sorted(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One that is whole. ``held`` is the descriptor that keeps it from being removed; ``news`` what was installed now."""

    folder: Path
    held: int
    news: str = ""

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"


def root_for(paths: JobPaths, environ: Mapping[str, str]) -> Path:
    """Where environments lie: beside the jobs of a data directory, else in the user's cache."""
    if paths.root.parent.name == "jobs":
        return paths.root.parent.parent / "environments"
    cache = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "jupyter_cloudml" / "environments"


def key_of(text: str, base: Base) -> str:
    """The name of the environment of these requirements on this interpreter, as it is now."""
    known = [_SCHEME, wanted_lines(text), base.python, base.version, base.folders, base.stamp()]
    return hashlib.blake2b(json.dumps(known).encode(), digest_size=16).hexdigest()


def wanted_lines(text: str) -> list[str]:
    """The lines that say something."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def ensure(
    text: str,
    root: Path,
    base: Base,
    environ: Mapping[str, str],
    say: Say,
    clean: Callable[[str], str],
) -> Environment:
    """The environment in which ``text`` (a requirements file) is installed; made when there is none.

    Many callers make it once: the others wait. A caller that is killed leaves nothing that is taken for whole.
    ``environ`` is pip's (its index, its proxy); ``say`` gets a word of where it stands now and then;
    ``clean`` takes secrets out of every line of pip's.

    Raises:
        CannotInstall: pip refuses; the message names the requirement and holds pip's last lines.
        FarSideError: this Python cannot make a venv, or has no pip.
        Unavailable: the disk refuses.
    """
    paths = EnvironmentPaths(root / key_of(text, base))
    installing = f"installing {_counted(text)}"

    def make(folder: Path) -> str:
        say(installing)
        return _make(folder, text, base, environ, _after(say, installing), clean)

    try:
        while True:
            held = _open_lock(paths)
            try:
                found = _found_or_made(paths, held, make, say)
            except BaseException:
                os.close(held)
                raise
            if found is not None:
                return found
            os.close(held)
    except OSError as exc:
        raise unavailable(paths.root, exc) from exc


def _found_or_made(
    paths: EnvironmentPaths, held: int, make: Callable[[Path], str], say: Say
) -> Environment | None:
    """The environment, with ``held`` as its shared lock; None when it was pruned meanwhile: look again."""
    for kind in (fcntl.LOCK_SH, fcntl.LOCK_EX):
        _lock(held, kind, say)
        if not _is_at(held, paths.lock):
            return None
        if (folder := paths.whole()) is not None:
            paths.note_use()
            fcntl.flock(held, fcntl.LOCK_SH)
            return Environment(folder=folder, held=held)
    paths.clear_unfinished()
    with _new_folder(paths) as folder:
        news = make(folder)
        paths.declare(folder)
    fcntl.flock(held, fcntl.LOCK_SH)
    return Environment(folder=folder, held=held, news=news)


def _counted(text: str) -> str:
    count = sum(not line.startswith("-") for line in wanted_lines(text))
    return f"{count} package{'' if count == 1 else 's'}"


def _is_at(fd: int, path: Path) -> bool:
    """Whether the open file still is the one at ``path``."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _open_lock(paths: EnvironmentPaths) -> int:
    """The lock file, which may be removed with its folder between making and opening."""
    for _ in range(100):
        paths.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            return os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
    raise FileNotFoundError(2, "it is removed again and again", str(paths.lock))


def _lock(fd: int, kind: int, say: Say) -> None:
    """Take the lock; a signal's handler may raise while it waits."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another job that installs the same packages")
        fcntl.flock(fd, kind)


@contextlib.contextmanager
def _new_folder(paths: EnvironmentPaths) -> Iterator[Path]:
    """A folder of this creation's own: what a killed creation's pip still writes never gets in here."""
    folder = paths.root / uuid.uuid4().hex[:12]
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _make(
    folder: Path,
    text: str,
    base: Base,
    environ: Mapping[str, str],
    say: Say,
    clean: Callable[[str], str],
) -> str:
    try:
        venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    except SystemExit as exc:  # how venv says that it will not
        raise FarSideError(f"-r: {base.python!r} cannot make a venv: {exc}") from exc
    environment_python = folder / "bin" / "python"
    for packages in folder.glob("lib/python*/site-packages"):
        lines = [f"import site; site.addsitedir({path!r})" for path in base.folders]
        (packages / _BEHIND).write_text("\n".join(lines) + "\n", encoding="utf-8")
    wish = folder / "requirements.txt"
    wish.write_text(text, encoding="utf-8")
    return pip.install(wish, environment_python, base.python, environ, say, clean)


def _after(say: Say, head: str) -> Say:
    """``say`` with ``head`` before every word, twice a second at most."""
    last = 0.0

    def tell(word: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 0.5:
            last = now
            say(f"{head}: {word}")

    return tell
