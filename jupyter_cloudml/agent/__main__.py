"""``python -m jupyter_cloudml.agent``: one agent per data directory; a second one ends at once with exit code 0."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from ..core.errors import Unavailable
from ..journal.home import DataHome
from ..journal.lease import Lease


def main(arguments: list[str] | None = None) -> int:
    """Serve until idle, stopped or killed. Exit code 0 also when another agent serves this directory already."""
    options = _parser().parse_args(arguments)
    home = DataHome(options.home.absolute()) if options.home else DataHome.from_environ(os.environ)
    if options.daemon and os.fork() != 0:
        os._exit(0)  # the parent, so that nobody who starts an agent has a child to wait for
    try:
        lock = Lease.acquire(home.agent_lock)
    except Unavailable as exc:
        print(exc, file=sys.stderr)
        return 0
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s agent %(process)d %(levelname)s: %(message)s"
    )
    from .server import serve

    try:
        asyncio.run(serve(home, os.environ))
    finally:
        lock.release()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jupyter_cloudml.agent", description=__doc__)
    parser.add_argument("--home", type=Path, help="the data directory (default: $CLOUDML_HOME)")
    parser.add_argument("--daemon", action="store_true", help="go to the background")
    return parser


if __name__ == "__main__":
    sys.exit(main())
