"""How rich output leaves the shell: ``display()``, the last expression, ``clear_output``, errors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from traitlets import Any as AnyTrait

from .mime import as_output

Hook = Callable[[dict[str, Any]], Any]


class Outlet(Protocol):
    """Where the outputs of a cell go."""

    def output(self, output: dict[str, Any]) -> None:
        """Journal one nbformat output; streams are flushed first, so the order is kept."""


class _Hooks(threading.local):
    """The transform hooks of one thread (``ipywidgets.Output`` and others register them)."""

    def __init__(self) -> None:
        self.chain: list[Hook] = []


class JournalDisplayPublisher(DisplayPublisher):  # type: ignore[misc]
    """``display``, ``update_display`` and ``clear_output`` as journal events."""

    outlet = AnyTrait(allow_none=True)
    hooks = AnyTrait()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hooks = _Hooks()

    def publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        *,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **kwargs: Any,
    ) -> None:
        del kwargs
        self._validate_data(data, metadata or {})
        kind = "update_display_data" if update else "display_data"
        content = {"data": data, "metadata": metadata or {}, "transient": transient or {}}
        self._send(kind, content)

    def clear_output(self, wait: bool = False) -> None:
        self._send("clear_output", {"wait": bool(wait)})

    def register_hook(self, hook: Hook) -> None:
        self.hooks.chain.append(hook)

    def unregister_hook(self, hook: Hook) -> bool:
        return _removed(self.hooks.chain, hook)

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        message: Any = {"header": {"msg_type": kind}, "msg_type": kind, "content": content}
        for hook in self.hooks.chain:
            message = hook(message)
            if message is None:
                return
        if self.outlet is not None:
            self.outlet.output(as_output(kind, message["content"]))


class JournalDisplayHook(DisplayHook):  # type: ignore[misc]
    """The value of the last expression as an ``execute_result`` event.

    ``has_displayed`` and ``last_displayed`` tell the worker which value ``_`` has at home afterwards.
    """

    outlet = AnyTrait(allow_none=True)
    hooks = AnyTrait()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hooks = _Hooks()
        self.content: dict[str, Any] | None = None
        self.has_displayed = False
        self.last_displayed: Any = None

    def register_hook(self, hook: Hook) -> None:
        self.hooks.chain.append(hook)

    def unregister_hook(self, hook: Hook) -> bool:
        return _removed(self.hooks.chain, hook)

    @property
    def is_formatting(self) -> bool:
        return self.content is not None

    def start_displayhook(self) -> None:
        self.content = {"data": {}, "metadata": {}}

    def write_output_prompt(self) -> None:
        if self.content is not None:
            self.content["execution_count"] = self.prompt_count

    def update_user_ns(self, result: Any) -> None:
        super().update_user_ns(result)
        self.has_displayed, self.last_displayed = True, result

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        if self.content is not None:
            self.content["data"] = format_dict
            self.content["metadata"] = md_dict or {}

    def finish_displayhook(self) -> None:
        content, self.content = self.content, None
        if not content or not content["data"]:
            return
        message: Any = {"header": {"msg_type": "execute_result"}, "content": content}
        for hook in self.hooks.chain:
            message = hook(message)
            if message is None:
                return
        if self.outlet is not None:
            self.outlet.output(as_output("execute_result", message["content"]))


def _removed(chain: list[Hook], hook: Hook) -> bool:
    if hook not in chain:
        return False
    chain.remove(hook)
    return True
