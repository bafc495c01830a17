"""``python -m tests.benchmarks [NAME …]``: a JSON line per figure; exit 1 when a bound is missed."""

from __future__ import annotations

import importlib
import json
import sys

from . import harness

ALL = (
    "shipping",
    "launch",
    "training",
    "agent",
    "registry",
    "runs",
    "server",
    "live",
    "prep",
    "stream",
    "gcs",
)


def main(names: list[str]) -> int:
    print(json.dumps({"bench": "machine", **harness.machine()}), flush=True)
    for name in names or ALL:
        harness.note(f"bench_{name}")
        importlib.import_module(f"{__package__}.bench_{name}").main()
    return 1 if harness.missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
