"""TensorBoard on a loopback port, under a path that nobody can guess; other users of this machine get nothing.

The path comes in the environment, which only its owner reads, and not in the command line, which everybody reads.
"""

from __future__ import annotations

import json
import os
import sys

VARIABLE = "CLOUDML_BOARD"


def main() -> None:
    """Serve until the process is ended."""
    from tensorboard import program

    said = json.loads(os.environ.pop(VARIABLE))
    board = program.TensorBoard()
    board.configure(
        argv=[
            "tensorboard",
            *("--host", "127.0.0.1", "--port", str(said["port"])),
            *("--logdir", said["logdir"], "--path_prefix", said["prefix"]),
        ]
    )
    sys.exit(board.main())


if __name__ == "__main__":
    main()
