"""How logging is set up: levels, and handlers that write to the streams or to a file. As JSON values.

Loggers that bear the name of an imported package are that package's own: of them only the level travels.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

_OF_THE_KERNEL = frozenset({"IPKernelApp", "traitlets", "ipykernel", "jupyter_cloudml"})
_STYLES = {"PercentStyle": "%", "StrFormatStyle": "{", "StringTemplateStyle": "$"}


def collect() -> dict[str, Any]:
    """What was set up in this process; loggers that nobody touched are not mentioned, the root is ``""``."""
    found = {"": _described(logging.root, is_own=True)}
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if not isinstance(logger, logging.Logger):
            continue
        if not logger.level and not logger.handlers and logger.propagate:
            continue  # as it was made: most are, and there are hundreds
        top = name.partition(".")[0]
        if top in _OF_THE_KERNEL:
            continue
        is_own = top == "__main__" or top not in sys.modules
        if logger.level or (is_own and (logger.handlers or not logger.propagate)):
            found[name] = _described(logger, is_own=is_own)
    return {"disable": logging.root.manager.disable, "loggers": found}


def apply(state: dict[str, Any]) -> None:
    """Set logging up so. Handlers write to the streams that are ``sys.stdout`` and ``sys.stderr`` now.

    Safe to repeat: a logger that is set up so already keeps its very handlers.
    """
    logging.disable(state["disable"])
    for name, wanted in state["loggers"].items():
        logger = logging.getLogger(name)
        logger.setLevel(wanted["level"])
        if "handlers" not in wanted:
            continue
        logger.propagate, logger.disabled = wanted["propagate"], wanted["disabled"]
        if _handlers(logger) == wanted["handlers"]:
            continue
        for handler in list(logger.handlers):
            if _handler(handler) is not None:
                logger.removeHandler(handler)
        for described in wanted["handlers"]:
            logger.addHandler(_made(described))


def _described(logger: logging.Logger, *, is_own: bool) -> dict[str, Any]:
    if not is_own:
        return {"level": logger.level}
    return {
        "level": logger.level,
        "propagate": logger.propagate,
        "disabled": logger.disabled,
        "handlers": _handlers(logger),
    }


def _handlers(logger: logging.Logger) -> list[dict[str, Any]]:
    return [found for handler in logger.handlers if (found := _handler(handler)) is not None]


def _handler(handler: logging.Handler) -> dict[str, Any] | None:
    """A handler as a JSON value; None for kinds that only its own process can have."""
    formatter = handler.formatter
    if handler.filters or (formatter is not None and type(formatter) is not logging.Formatter):
        return None
    shown = {"level": handler.level, "format": _format(formatter)}
    if type(handler) is logging.FileHandler:
        return {**shown, "file": handler.baseFilename, "encoding": handler.encoding}
    if type(handler) is logging.StreamHandler:
        name = str(getattr(handler.stream, "name", ""))
        for stream in ("stdout", "stderr"):
            if stream in name or handler.stream is getattr(sys, stream):
                return {**shown, "stream": stream}
    return None


def _format(formatter: logging.Formatter | None) -> list[Any] | None:
    if formatter is None:
        return None
    return [formatter._fmt, formatter.datefmt, _STYLES.get(type(formatter._style).__name__, "%")]


def _made(described: dict[str, Any]) -> logging.Handler:
    handler: logging.Handler
    if "file" in described:
        handler = logging.FileHandler(described["file"], encoding=described["encoding"], delay=True)
    else:
        handler = logging.StreamHandler(getattr(sys, described["stream"]))
    handler.setLevel(described["level"])
    if described["format"] is not None:
        text, dates, style = described["format"]
        handler.setFormatter(logging.Formatter(text, dates, style))
    return handler
