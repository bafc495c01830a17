"""A job's outputs, shown as the very cell's own: streams, displays, updates, clearing, the result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from IPython.core import page

Output = dict[str, Any]
UPDATE = "update_display_data"
CLEAR = "clear_output"


class Replay:
    """Plays nbformat outputs into the cell that is running now.

    ``on_clear`` is called after the cell was cleared, so that what belongs above the output can be shown again. ``error``
    is the last error output that was played.
    """

    def __init__(self, shell: Any, on_clear: Callable[[], None] = lambda: None) -> None:
        self._shell = shell
        self._on_clear = on_clear
        self._clear_is_pending = False
        self.error: Output | None = None

    def play(self, outputs: Sequence[Output]) -> None:
        """Show ``outputs`` in order, those that a later one of them makes void left out."""
        for output in coalesce(outputs):
            self._play(output)

    def _play(self, output: Output) -> None:
        kind = output.get("output_type")
        if kind == CLEAR:
            self._clear_is_pending = True
            if not output.get("wait"):
                self._clear(wait=False)
            return
        if kind == "page":
            self._page(output)
            return
        if self._clear_is_pending and kind != UPDATE:
            self._clear(wait=True)
        if kind == "stream":
            stream = sys.stderr if output.get("name") == "stderr" else sys.stdout
            stream.write(_text(output.get("text", "")))
        elif kind == "execute_result":
            self._result(output)
        elif kind in ("display_data", UPDATE):
            self._display(output, update=kind == UPDATE)
        elif kind == "error":
            self._error(output)

    def _clear(self, *, wait: bool) -> None:
        self._clear_is_pending = False
        self._shell.display_pub.clear_output(wait=wait)
        self._on_clear()

    def _error(self, output: Output) -> None:
        """In its place among the outputs; that the exception is raised afterwards shows nothing more."""
        self.error = output
        kind = type(str(output.get("ename")), (Exception,), {})
        lines = list(output.get("traceback") or ())
        self._shell._showtraceback(kind, kind(output.get("evalue", "")), lines)

    def _page(self, output: Output) -> None:
        """Help goes to the front end's pager at the end of the cell, as ``obj?`` sends it; a terminal shows it now."""
        payloads = getattr(self._shell, "payload_manager", None)
        if hasattr(self._shell, "kernel") and payloads is not None:
            data, start = _data(output), output.get("start", 0)
            payloads.write_payload({"source": "page", "data": data, "start": start})
        else:
            page.page(_data(output))

    def _display(self, output: Output, *, update: bool) -> None:
        self._shell.display_pub.publish(
            data=_data(output),
            metadata=output.get("metadata") or {},
            transient=output.get("transient") or {},
            update=update,
        )

    def _result(self, output: Output) -> None:
        """As the displayhook would, but with the data that the far end made."""
        data, metadata = _data(output), output.get("metadata") or {}
        captured = getattr(sys.displayhook, "outputs", None)
        if isinstance(captured, list):
            captured.append({"data": data, "metadata": metadata})
            return
        hook = self._shell.displayhook
        hook.start_displayhook()
        hook.write_output_prompt()
        hook.write_format_data(data, metadata)
        hook.finish_displayhook()


def coalesce(outputs: Sequence[Output]) -> list[Output]:
    """The shortest list that leaves the same picture: text merged, dead output dropped, the last of many updates kept.

    Pure. This is what keeps a fast cell below the message rate at which a Jupyter server begins to drop output.
    """
    kept: list[Output] = []
    updates: dict[str, int] = {}
    for output in _after_last_clear(outputs):
        kind = output.get("output_type")
        display_id = (output.get("transient") or {}).get("display_id")
        if kind == "stream" and kept and _same_stream(kept[-1], output):
            kept[-1] = {**kept[-1], "text": _text(kept[-1]["text"]) + _text(output["text"])}
        elif kind == UPDATE and display_id in updates:
            kept[updates[display_id]] = output
        else:
            if kind == UPDATE and display_id:
                updates[display_id] = len(kept)
            kept.append(output)
    return kept


def _after_last_clear(outputs: Sequence[Output]) -> list[Output]:
    """Drop what a clear_output wipes out before anybody can see it (a waiting one wipes when more follows)."""
    for index in range(len(outputs) - 1, -1, -1):
        if outputs[index].get("output_type") != CLEAR:
            continue
        follows = any(o.get("output_type") not in (CLEAR, UPDATE) for o in outputs[index + 1 :])
        if follows or not outputs[index].get("wait"):
            seen_elsewhere = [
                o for o in outputs[:index] if o.get("output_type") in ("error", UPDATE)
            ]
            return [*seen_elsewhere, *outputs[index:]]
    return list(outputs)


def _same_stream(earlier: Output, later: Output) -> bool:
    return earlier.get("output_type") == "stream" and earlier.get("name") == later.get("name")


def _data(output: Output) -> dict[str, Any]:
    """nbformat allows text as a list of lines; display messages do not."""
    return {
        mime: _text(value) if isinstance(value, list) and not mime.endswith("json") else value
        for mime, value in (output.get("data") or {}).items()
    }


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)
