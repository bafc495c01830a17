"""What a zygote imports ahead of need."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

VARIABLE = "CLOUDML_PRELOAD"

_LIGHT = (
    "jupyter_cloudml.agent.start",
    "jupyter_cloudml.worker.main",
    "jupyter_cloudml.wire.graph",
    "IPython",
    "IPython.core.application",
    "IPython.core.completer",
    "IPython.core.completerlib",
    "IPython.core.logger",
    "IPython.core.oinspect",
)
_FULL = (
    *_LIGHT,
    "numpy",
    "torch",
    "torch._dynamo",
    "torch.utils.data",
    "pandas",
    "pyarrow",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.datasets",
    "sqlalchemy",
    "sqlalchemy.dialects.sqlite",
    "mlflow",
    "mlflow.tracking",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracing.processor.base_mlflow",  # set_tracking_uri imports it: 0.1 s
    "jupyter_cloudml.tracking.forwarder",
)
LEVELS: dict[str, tuple[str, ...]] = {"none": (), "light": _LIGHT, "full": _FULL}
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def level(environ: Mapping[str, str]) -> str:
    """``none`` (no zygote: every worker is spawned), ``light`` (what a cell needs at least) or ``full``, the default."""
    wish = environ.get(VARIABLE, "full")
    return wish if wish in LEVELS else "full"


def import_all(name: str) -> list[str]:
    """Import the packages of one level; returns those that are not installed or do not import here.

    Imports only: nothing here may compute, because a thread pool that has worked does not survive ``fork``.
    """
    missing = []
    for module in LEVELS[name]:
        try:
            importlib.import_module(module)
        except ImportError:
            missing.append(module)
    importlib.import_module("jupyter_cloudml.worker.warm").warm_imports()
    return missing
