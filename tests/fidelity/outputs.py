"""A cell's outputs as a notebook would show them, without what differs between any two runs."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

JOB_CARD = "application/vnd.cloudml.job+json"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MASKS: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"0x[0-9a-fA-F]{4,}"), "0x…"),
    (re.compile(r"(?:\S*/)?ipykernel_\d+/\d+\.py"), "<cell>"),
    (re.compile(r"<ipython-input-[^>]*>"), "<cell>"),
    (re.compile(r"(?s)  \+ Exception Group Traceback.*"), "<group traceback>"),
    (re.compile(r"Cell In\[\d+\]"), "<cell>"),
    (re.compile(r"\(\d+\.py, line"), "(<cell>, line"),
    (re.compile(r"(?m)^(?:CPU times|Wall time|Compiler|Parser)\s*:.*$"), "<timing>"),
    (re.compile(r"(?m)^.* per loop \(mean .*$"), "<timing>"),
    (re.compile(r"(?m)^The slowest run took .*$\n?(?:.*intermediate result.*\n?)?"), ""),
    (re.compile(r"\b\d+(?:\.\d+)? (?:ns|us|µs|ms|seconds|sec)\b"), "<time>"),
    (re.compile(r"function calls(?: \(.*?\))? in \S+ seconds?"), "function calls"),
    (re.compile(r"\bpid[ =:]+\d+"), "pid"),
    (re.compile(r"(name='Task-)\d+"), r"\1N"),
    (re.compile(r"(sk-container-id-|sk-estimator-id-)\d+"), r"\1N"),
    (re.compile(r'id="[TU]_[0-9a-f]{5}'), 'id="T_'),
    (re.compile(r"#T_[0-9a-f]{5}"), "#T_"),
]


@dataclass(slots=True)
class CellOutputs:
    """Folds iopub messages: streams joined, displays updated in place, clear_output obeyed."""

    items: list[dict[str, Any]] = field(default_factory=list)
    displays: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    has_card: bool = False
    """A job card was shown: the cell did run as a job."""
    _clear_next: bool = False

    def add(self, kind: str, content: dict[str, Any]) -> None:
        """One iopub message. ``displays`` is shared between the cells of a notebook."""
        self.has_card = self.has_card or JOB_CARD in content.get("data", {})
        if kind == "clear_output":
            if content.get("wait"):
                self._clear_next = True
            else:
                self.items.clear()
            return
        if kind == "update_display_data":
            self._update(content)
            return
        if kind not in ("stream", "display_data", "execute_result", "error"):
            return
        if self._clear_next:
            self.items.clear()
            self._clear_next = False
        item = {"kind": kind, **content}
        self.items.append(item)
        display_id = content.get("transient", {}).get("display_id")
        if display_id:
            self.displays.setdefault(display_id, []).append(item)

    def _update(self, content: dict[str, Any]) -> None:
        for item in self.displays.get(content.get("transient", {}).get("display_id"), ()):
            item["data"], item["metadata"] = content["data"], content.get("metadata", {})

    def normal(self, replaced: dict[str, str]) -> list[Any]:
        """Comparable outputs: streams between two displays are one text each for stdout and stderr."""
        found: list[Any] = []
        streams: dict[str, str] = {}
        for item in self.items:
            if item["kind"] == "stream":
                name = item["name"]
                streams[name] = streams.get(name, "") + item["text"]
            elif JOB_CARD not in item.get("data", {}):
                _flush(streams, found, replaced)
                found.append(_normal_item(item, replaced))
        _flush(streams, found, replaced)
        return found


def _flush(streams: dict[str, str], found: list[Any], replaced: dict[str, str]) -> None:
    for name in sorted(streams):
        found.append((name, masked(_terminal(streams[name]), replaced)))
    streams.clear()


def _terminal(text: str) -> str:
    """Carriage returns as a terminal shows them: progress bars end as their last state."""
    return "\n".join(line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").split("\n"))


def _normal_item(item: dict[str, Any], replaced: dict[str, str]) -> Any:
    if item["kind"] == "error":
        return ("error", item["ename"], masked(item["evalue"], replaced))
    data = {mime: _payload(mime, value, replaced) for mime, value in sorted(item["data"].items())}
    count = item.get("execution_count")
    return (item["kind"], data, item.get("metadata", {}), count)


def _payload(mime: str, value: Any, replaced: dict[str, str]) -> Any:
    if mime.startswith("image/") and mime != "image/svg+xml":
        return hashlib.sha256(str(value).strip().encode()).hexdigest()[:16]
    if mime == "application/vnd.jupyter.widget-view+json":
        return "widget"
    return masked(value, replaced) if isinstance(value, str) else value


def masked(text: str, replaced: dict[str, str]) -> str:
    """``text`` without colours, addresses, timings, process ids and the run's own folders."""
    text = _ANSI.sub("", text)
    for old, new in replaced.items():
        text = text.replace(old, new)
    for pattern, new in _MASKS:
        text = pattern.sub(new, text)
    return text
