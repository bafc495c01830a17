"""The manner in which a notebook's shell shows things: precision, pretty printing, tracebacks, which expressions."""

from __future__ import annotations

import importlib
import sys
from typing import Any

_FORMATTER = ("float_precision", "pprint", "max_width", "max_seq_length")
_FORMATS = (
    ("png", "image/png"),
    ("retina", "image/png"),
    ("jpg", "image/jpeg"),
    ("svg", "image/svg+xml"),
    ("pdf", "application/pdf"),
)
_USUAL = {"formats": ["png"], "options": {"bbox_inches": "tight"}, "close": True}


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
        "figures": _figures(ip),
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
    _apply_figures(ip, state.get("figures") or {})


def _figures(ip: Any) -> dict[str, Any]:
    """How figures are shown inline (``%config InlineBackend.figure_format``); empty as long as none could be."""
    config, figure = _inline()
    if config is None or figure is None or not config.initialized():
        return {}
    formats, options = [], {}
    for name, mime in _FORMATS:
        printer = ip.display_formatter.formatters[mime].type_printers.get(figure)
        made = getattr(printer, "func", None)
        if made is not None and (made.__name__ == "retina_figure") == (name == "retina"):
            formats.append(name)
            options = {k: v for k, v in printer.keywords.items() if k not in ("fmt", "base64")}
    return {
        "formats": formats,
        "options": {k: v for k, v in options.items() if isinstance(v, (str, int, float, bool))},
        "close": config.instance().close_figures,
    }


def _apply_figures(ip: Any, wanted: dict[str, Any]) -> None:
    """Loads Matplotlib only where figures are to be shown in a way that is not the usual one."""
    if not wanted or _figures(ip) == wanted:
        return
    if not _figures(ip):
        if wanted == _USUAL:
            return
        backend = importlib.import_module("matplotlib_inline.backend_inline")
        backend.configure_inline_support(ip, "module://matplotlib_inline.backend_inline")
    config, _ = _inline()
    shown = config.instance()
    shown.close_figures = wanted["close"]
    shown.print_figure_kwargs = wanted["options"]
    shown.figure_formats = set(wanted["formats"])
    tools = importlib.import_module("IPython.core.pylabtools")
    tools.select_figure_formats(ip, set(wanted["formats"]), **wanted["options"])


def _inline() -> tuple[Any, Any]:
    """``InlineBackend`` and ``Figure`` where both are imported."""
    config, figure = (
        sys.modules.get("matplotlib_inline.config"),
        sys.modules.get("matplotlib.figure"),
    )
    return getattr(config, "InlineBackend", None), getattr(figure, "Figure", None)


def _shell() -> Any:
    module = sys.modules.get("IPython.core.interactiveshell")
    if module is None or not module.InteractiveShell.initialized():
        return None
    return module.InteractiveShell.instance()
