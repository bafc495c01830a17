"""What a warm process does ahead of need, so that a cell does not pay for it."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import tokenize

_ALWAYS = (
    "asyncio",
    "cloudpickle",
    "concurrent.futures.thread",
    "json",
    "jupyter_cloudml.wire.graph",
    "jupyter_cloudml.worker.main",
    "jupyter_cloudml.worker.sdk",
    "socket",
)
_IF_LOADED = {"numpy": "numpy.random", "matplotlib": "matplotlib_inline.backend_inline"}
_WITH_IPYTHON = (
    "IPython.core.magics",
    "IPython.core.ultratb",
    "IPython.display",
    "IPython.lib.pretty",
    "IPython.utils.process",
    "IPython.extensions.storemagic",
    "executing",
    "ipykernel",
    "jupyter_cloudml.worker.shell",
    "pexpect",
    "pygments.formatters.terminal256",
    "pygments.lexers.python",
    "pygments.styles.default",
    "stack_data",
)


def warm_imports() -> None:
    """Import what every cell's shell, outputs and tracebacks need, and compile the patterns that they share.

    For the process that spares are forked from: it starts no thread, computes nothing and makes no shell. What is not
    installed is passed over.
    """
    for name in (*_ALWAYS, *_WITH_IPYTHON):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for package, part in _IF_LOADED.items():
        if package in sys.modules:
            with contextlib.suppress(ImportError):
                importlib.import_module(part)
    list(tokenize.generate_tokens(io.StringIO("x = 1\n").readline))
