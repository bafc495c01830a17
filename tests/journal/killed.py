"""A process that writes to a journal until it is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def numbers_until_killed(script: str, path: Path, first: int, *, lines: int) -> list[int]:
    """Run ``script PATH FIRST``, kill it with SIGKILL after so many lines; the numbers that it has printed."""
    child = subprocess.Popen(
        [sys.executable, "-c", script, path, str(first)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    said = b"".join(child.stdout.readline() for _ in range(lines))
    child.kill()
    said += child.stdout.read()
    child.stdout.close()
    child.wait()
    return [int(line) for line in said.split(b"\n")[:-1]]
