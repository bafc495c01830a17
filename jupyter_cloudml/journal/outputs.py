"""The outputs of a cell, as a notebook would show and save them after the same messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core import events

Output = dict[str, Any]


class OutputFold:
    """Folds output events one by one; ``outputs()`` may be asked at any time.

    Chunks of one stream join while nothing comes between; ``update_display_data`` changes every output that shows its
    display id; ``clear_output`` clears at once, or with ``wait`` when the next output comes (source of these rules:
    Jupyter's messaging protocol, and nbclient).
    """

    def __init__(self) -> None:
        self._outputs: list[Output] = []
        self._chunks: list[str] = []  # of the stream that is last in ``_outputs``
        self._shown: dict[str, list[Output]] = {}
        self._clear_next = False

    def apply(self, event: dict[str, Any]) -> bool:
        """Take in one event; True when it may have changed the outputs. Events of other kinds are passed over."""
        output = event.get("output")
        if event.get("k") != events.OUTPUT or not isinstance(output, dict):
            return False
        kind = output.get("output_type")
        if kind == "page":  # goes to a front end's pager, not below the cell
            return False
        if kind == "clear_output":
            self._clear_next = bool(output.get("wait"))
            if not self._clear_next:
                self._clear()
        elif kind == "update_display_data":
            self._update(output)
        else:
            self._add(output)
        return True

    def outputs(self) -> list[Output]:
        """nbformat outputs, in order; the list is the caller's, its items must not be changed."""
        self._join_chunks()
        return list(self._outputs)

    def _add(self, output: Output) -> None:
        if self._clear_next:
            self._clear()
        if output["output_type"] == "stream":
            self._add_stream(output)
            return
        self._join_chunks()
        self._update(output)
        shown = {key: value for key, value in output.items() if key != "transient"}
        self._outputs.append(shown)
        display_id = _display_id(output)
        if display_id:
            self._shown.setdefault(display_id, []).append(shown)

    def _add_stream(self, output: Output) -> None:
        last = self._outputs[-1] if self._outputs else {}
        if last.get("output_type") != "stream" or last["name"] != output["name"]:
            self._join_chunks()
            last = {"output_type": "stream", "name": output["name"], "text": ""}
            self._outputs.append(last)
        self._chunks.append(_text(output["text"]))

    def _join_chunks(self) -> None:
        if self._chunks:
            last = self._outputs[-1]
            self._outputs[-1] = {**last, "text": last["text"] + "".join(self._chunks)}
            self._chunks = []

    def _update(self, output: Output) -> None:
        for shown in self._shown.get(_display_id(output), ()):
            shown["data"] = output.get("data", {})
            shown["metadata"] = output.get("metadata", {})

    def _clear(self) -> None:
        self._outputs, self._chunks, self._shown = [], [], {}
        self._clear_next = False


def _display_id(output: Output) -> str:
    return str((output.get("transient") or {}).get("display_id") or "")


def _text(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def outputs(journal: Iterable[dict[str, Any]]) -> list[Output]:
    """The nbformat outputs after all events of ``journal``."""
    fold = OutputFold()
    for event in journal:
        fold.apply(event)
    return fold.outputs()
