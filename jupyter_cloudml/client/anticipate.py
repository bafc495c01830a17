"""While a job runs elsewhere, this process imports what its result will be made of."""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections.abc import Iterable

CARRIERS = frozenset({"numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn", "torch"})
"""Packages whose values come home, and which take long to import. In place the cell would have imported them here."""


def import_ahead(imports: Iterable[str]) -> threading.Thread | None:
    """Import those of ``imports`` that are `CARRIERS` and not here yet, in a thread; None when there is none.

    A first result with a torch tensor else waits 1.5 s for ``import torch`` after the job has ended. What cannot be
    imported is left to whoever needs it.
    """
    tops = {name.partition(".")[0] for name in imports}
    missing = sorted(tops & CARRIERS - sys.modules.keys())
    if not missing:
        return None
    thread = threading.Thread(
        target=_import, args=(missing,), name="cloudml-import-ahead", daemon=True
    )
    thread.start()
    return thread


def _import(names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(Exception):  # whatever it is, the one who needs it is told
            importlib.import_module(name)
