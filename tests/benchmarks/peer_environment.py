"""A Python of its own for peers whose requirements do not go with ours; made once, outside the clone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.engines.install import cache

from .harness import note

STREAMING = (
    ("torch==2.13.0",),
    ("webdataset==1.0.2", "s3torchconnector==1.5.0", "boto3", "numpy"),
    ("--no-deps", "litdata==0.2.76", "lightning-utilities==0.15.3"),
    ("obstore", "requests", "filelock", "tifffile", "pyyaml", "packaging"),
)
"""One pip call each. litdata without its dependencies: it asks for torchvision, which no CPU wheel of torch goes with."""


def python(name: str, calls: Sequence[Sequence[str]]) -> Path:
    """The interpreter of the environment; made first where it is not there whole."""
    root = cache() / name
    if not (root / "whole").exists():
        note(f"making {root}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(root)], check=True)
        for words in calls:
            pip = [str(root / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            subprocess.run([*pip, *words], check=True, stderr=subprocess.DEVNULL)
        (root / "whole").touch()
    return root / "bin" / "python"
