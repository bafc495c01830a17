"""``python -m jupyter_cloudml.agent``: one agent per data directory; a second one ends at once with exit code 0."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from ..core.errors import Unavailable
from ..journal.home import DataHome
from ..journal.lease import Lease, lease_holder


def main(arguments: list[str] | None = None) -> int:
    """Serve until idle, stopped or killed. Exit code 0 also when another agent serves this directory already."""
    options = _parser().parse_args(arguments)
    home = DataHome(options.home.absolute()) if options.home else DataHome.from_environ(os.environ)
    tell = _go_to_background() if options.daemon else _tell_nobody
    try:
        lock = Lease.acquire(home.agent_lock)
    except Unavailable as exc:
        print(exc, file=sys.stderr)
        if lease_holder(home.agent_lock) is None:
            return 1
        tell()
        return 0
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s agent %(process)d %(levelname)s: %(message)s"
    )
    from .server import serve

    try:
        asyncio.run(serve(home, os.environ, on_ready=tell))
    finally:
        lock.release()
    return 0


def _go_to_background() -> Callable[[], None]:
    """Fork; the parent waits until the child calls the function that this returns (exit code 0) or dies (1).

    So nobody who starts an agent has a child to wait for, and everybody learns at once when it cannot start.
    """
    ear, mouth = os.pipe()
    if os.fork() != 0:
        os.close(mouth)
        os._exit(0 if os.read(ear, 1) else 1)
    os.close(ear)

    def tell() -> None:
        os.write(mouth, b"1")
        os.close(mouth)

    return tell


def _tell_nobody() -> None:
    return


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jupyter_cloudml.agent", description=__doc__)
    parser.add_argument("--home", type=Path, help="the data directory (default: $CLOUDML_HOME)")
    parser.add_argument("--daemon", action="store_true", help="go to the background")
    return parser


if __name__ == "__main__":
    sys.exit(main())
