"""``python -m jupyter_cloudml.testing.gcs FOLDER PORT [--authenticated]``: serve until SIGTERM."""

from __future__ import annotations

import argparse
from pathlib import Path

from .server import GcsServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m jupyter_cloudml.testing.gcs")
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--authenticated", action="store_true")
    said = parser.parse_args()
    with GcsServer(said.folder, said.port, authenticated=said.authenticated) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
