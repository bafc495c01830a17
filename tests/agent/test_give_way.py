"""A zygote that still imports stands still for the first job of a cold machine, and never outlives its agent."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import is_alive, wait_until

# An agent in small: one zygote that gives way at once; a line on standard input lets it go on.
OWNER = """
import asyncio, os, sys
from jupyter_cloudml.agent.environment import Environment
from jupyter_cloudml.agent.warm.zygotes import Zygote

async def main():
    ready = asyncio.Event()
    zygote = Zygote(Environment.of(sys.executable, dict(os.environ)), level="light", spares=0, log_file=2,
                    on_change=ready.set, on_exit=lambda pid, code: None)
    zygote.give_way(3600.0)
    print(zygote.pid, flush=True)
    loop = asyncio.get_running_loop()
    loop.add_reader(0, lambda: (sys.stdin.readline(), loop.remove_reader(0), zygote.go_on()))
    await ready.wait()
    print("ready" if zygote.is_ready else "gone", flush=True)
    zygote.stop()

asyncio.run(main())
"""


@pytest.fixture
def owner():
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def _is_stopped(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "T"


def test_a_zygote_that_stands_still_goes_on_and_gets_ready(owner) -> None:
    zygote = int(owner.stdout.readline())
    wait_until(lambda: _is_stopped(zygote), "it to stand still")
    owner.stdin.write("go on\n")
    owner.stdin.flush()
    assert owner.stdout.readline() == "ready\n"
    wait_until(lambda: not is_alive(zygote), "its end")


def test_a_zygote_that_stands_still_dies_with_a_killed_agent(owner) -> None:
    zygote = int(owner.stdout.readline())
    wait_until(lambda: _is_stopped(zygote), "it to stand still")
    owner.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_alive(zygote), "its end")
