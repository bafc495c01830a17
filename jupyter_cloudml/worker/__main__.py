"""``python -m jupyter_cloudml.worker FOLDER`` and ``python worker.pyz FOLDER``: run the job in that folder."""

from __future__ import annotations

import argparse
import json
import os
import sys

from ..core.errors import CloudMLError


def main(argv: list[str] | None = None) -> int:
    """Run one job and end the process with its exit code: 0 succeeded, 1 failed, 130 cancelled, 2 not started."""
    parser = argparse.ArgumentParser(prog="worker.pyz", description="Run the job in a job folder.")
    parser.add_argument("folder", help="the job folder")
    parser.add_argument("--rank", type=int, default=int(os.environ.get("RANK", "0")))
    parser.add_argument("--env", action="append", default=[], metavar="K=V", help="set in the job")
    parser.add_argument("--secrets-fd", type=int, help="descriptor to read {name: value} from")
    parser.add_argument("--handover-fd", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    from .environment.preparation import Handover
    from .main import run_and_exit

    try:
        told = (
            Handover.read(options.handover_fd)
            if options.handover_fd is not None
            else Handover(
                rank=options.rank,
                secrets=_secrets(options.secrets_fd),
                env=dict(pair.split("=", 1) for pair in options.env),
            )
        )
        run_and_exit(options.folder, told)
    except CloudMLError as exc:
        print(f"worker: {exc}", file=sys.stderr)
    return 2


def _secrets(fd: int | None) -> dict[str, str]:
    if fd is None:
        return {}
    with os.fdopen(fd, "rb") as pipe:
        return {str(name): str(value) for name, value in json.loads(pipe.read() or b"{}").items()}


if __name__ == "__main__":
    sys.exit(main())
