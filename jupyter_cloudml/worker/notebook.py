"""The executed cell as a notebook of its own, written without nbformat."""

from __future__ import annotations

import json
import sys
from typing import Any

from ..core.spec import JobSpec


def executed_cell(spec: JobSpec, outputs: list[dict[str, Any]]) -> bytes:
    """A valid nbformat 4.5 document of the job's cell with its outputs."""
    version = ".".join(map(str, sys.version_info[:3]))
    cell = {
        "cell_type": "code",
        "id": spec.id,
        "execution_count": spec.execution_count,
        "metadata": {"cloudml": {"job": spec.id, "target": str(spec.target), "name": spec.name}},
        "source": spec.source.splitlines(keepends=True),
        "outputs": outputs,
    }
    document = {
        "cells": [cell],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python", "version": version, "file_extension": ".py"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1).encode() + b"\n"
