"""The manner of a notebook's shell: how it shows things, which extensions and aliases it has, where it was before."""

from __future__ import annotations

import contextlib
import importlib
import io
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
_BUILT_IN = frozenset({"storemagic", "jupyter_cloudml"})
_AUTORELOAD = ("enabled", "check_all", "autoload_obj")
_MAX_DIRECTORIES = 100
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
        "extensions": sorted(ip.extension_manager.loaded - _BUILT_IN),
        "autoreload": _autoreload(ip),
        "aliases": [list(pair) for pair in ip.alias_manager.aliases],
        "directories": [str(folder) for folder in ip.user_ns.get("_dh", ())][-_MAX_DIRECTORIES:],
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
    _apply_magics(ip, state)


def _apply_magics(ip: Any, state: dict[str, Any]) -> None:
    """Extensions that are missing here are loaded, silently; aliases and the history of directories become the same."""
    silence = io.StringIO()
    for name in state.get("extensions", ()):
        if name in ip.extension_manager.loaded:
            continue
        with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            try:
                ip.extension_manager.load_extension(name)
            except Exception:  # noqa: BLE001, S112 - it may raise anything; its magics are then missing here
                continue
    if state.get("autoreload") not in (None, _autoreload(ip)):
        vars(_reloader(ip)).update(state["autoreload"])
    known = {tuple(pair) for pair in ip.alias_manager.aliases}
    for pair in state.get("aliases", ()):
        if tuple(pair) not in known:
            ip.alias_manager.define_alias(*pair)
    directories, now = state.get("directories"), ip.user_ns.get("_dh")
    if directories and isinstance(now, list) and list(map(str, now)) != directories:
        now[:] = directories


def _autoreload(ip: Any) -> dict[str, Any] | None:
    """What ``%autoreload`` was told; None where the extension is not loaded."""
    reloader = _reloader(ip)
    if reloader is None:
        return None
    return {name: getattr(reloader, name) for name in _AUTORELOAD if hasattr(reloader, name)}


def _reloader(ip: Any) -> Any:
    return getattr(ip.magics_manager.registry.get("AutoreloadMagics"), "_reloader", None)


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
