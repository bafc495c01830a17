"""A remote that is a folder, and processes that fetch from it into one cache."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_cloudml.stores.cache.views import Cache
from jupyter_cloudml.stores.disk import landing
from jupyter_cloudml.stores.file.store import FileStore

PATIENCE_S = 60


class Remote(FileStore):
    """Files below a folder as if they lay far away; tells which keys were fetched."""

    root = "far://bucket"

    def __init__(self, base: Path) -> None:
        super().__init__(base)
        self.base = base
        self.fetched: list[str] = []

    def write(self, key: str, data: bytes) -> None:
        path = self.base / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(".new").write_bytes(data)
        path.with_name(".new").replace(path)

    def get(self, key, path, **options):
        self.fetched.append(key)
        return super().get(key, path, **options)

    def get_many(self, keys, folder, *, strip="", progress=None):
        return [self.get(key, landing(folder, key, strip), progress=progress) for key in keys]


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    (tmp_path / "far").mkdir()
    return Remote(tmp_path / "far")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache.at(tmp_path / "cache", 1 << 30)


class Process:
    """A real process that runs ``code`` with ``remote`` and ``cache`` at hand; it says what it prints, line by line."""

    def __init__(self, root: Path, code: str, limit: int) -> None:
        head = (
            "import sys, os, time\nfrom pathlib import Path\n"
            "from tests.stores.cache.conftest import Remote\n"
            "from jupyter_cloudml.stores.cache.views import Cache\n"
            f"remote = Remote(Path({str(root / 'far')!r}))\n"
            f"cache = Cache.at(Path({str(root / 'cache')!r}), {limit})\n"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", head + code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        self.pid = self._process.pid
        self._said = b""

    def line(self) -> str:
        while b"\n" not in self._said:
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
            assert ready, "the process says nothing"
            more = os.read(self._process.stdout.fileno(), 4096)
            assert more, "the process has ended"
            self._said += more
        line, self._said = self._said.split(b"\n", 1)
        return line.decode()

    def says_nothing(self) -> bool:
        return not self._said and not select.select([self._process.stdout], [], [], 0)[0]

    def tell(self, text: str = "go") -> None:
        self._process.stdin.write(f"{text}\n".encode())
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def end(self) -> int:
        self._process.stdin.close()
        code = self._process.wait(PATIENCE_S)
        self._process.stdout.close()
        return code


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    begun: list[Process] = []

    def begin(code: str, limit: int = 1 << 30) -> Process:
        begun.append(Process(tmp_path, code, limit))
        return begun[-1]

    yield begin
    for process in begun:
        if process._process.poll() is None:
            process.kill()
        for pipe in (process._process.stdin, process._process.stdout):
            if pipe and not pipe.closed:
                pipe.close()


def waits_for_lock(pid: int) -> bool:
    """Whether the process stands in ``flock``."""
    return "flock" in Path(f"/proc/{pid}/syscall").read_text() or _lock_queue(pid)


def _lock_queue(pid: int) -> bool:
    return any(
        "->" in line and f" {pid} " in line for line in Path("/proc/locks").read_text().splitlines()
    )


def all_files(root: Path) -> list[Path]:
    return [Path(folder) / name for folder, _, names in os.walk(root) for name in names]
