"""The manner in which a notebook's shell shows things: precision, pretty printing, tracebacks, which expressions."""

from __future__ import annotations

import sys
from typing import Any

_FORMATTER = ("float_precision", "pprint", "max_width", "max_seq_length")


def collect() -> dict[str, Any]:
    """The settings of this process's shell as JSON values; empty where none runs."""
    ip = _shell()
    if ip is None:
        return {}
    formatter = ip.display_formatter.formatters["text/plain"]
    return {
        **{name: getattr(formatter, name) for name in _FORMATTER},
        "interactivity": ip.ast_node_interactivity,
        "xmode": ip.InteractiveTB.mode,
    }


def apply(state: dict[str, Any]) -> None:
    """Set this process's shell so; what is set so already is left alone, for setting it may change NumPy's options."""
    ip = _shell()
    if ip is None or not state:
        return
    formatter = ip.display_formatter.formatters["text/plain"]
    for name in _FORMATTER:
        if getattr(formatter, name) != state[name]:
            setattr(formatter, name, state[name])
    if ip.ast_node_interactivity != state["interactivity"]:
        ip.ast_node_interactivity = state["interactivity"]
    if ip.InteractiveTB.mode != state["xmode"]:
        ip.InteractiveTB.set_mode(state["xmode"])


def _shell() -> Any:
    module = sys.modules.get("IPython.core.interactiveshell")
    if module is None or not module.InteractiveShell.initialized():
        return None
    return module.InteractiveShell.instance()
