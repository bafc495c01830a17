"""Reading journals while they grow: any number of readers, from any offset."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .metric_lines import unpacked

MAX_BYTES = 8 * 1024 * 1024

Event = dict[str, Any]


def read_events(
    path: Path | str, offset: int = 0, max_bytes: int = MAX_BYTES
) -> tuple[list[Event], int]:
    """The whole events from ``offset`` on, and the offset to go on from.

    About ``max_bytes`` are read (more only to finish one long line); a last line without its newline is left for the
    next call, damaged lines are skipped, a missing file is empty. Never blocks on the writer.
    """
    lines, taken = _whole_lines(path, offset, max_bytes)
    return _parse(lines), offset + taken


class JournalReader:
    """Reads one journal piece by piece and remembers where it stands in ``offset``.

    ``damaged`` counts the lines that were skipped because they are no event.
    """

    def __init__(self, path: Path | str, offset: int = 0) -> None:
        self.path = Path(path)
        self.offset = offset
        self.damaged = 0

    def read(self, max_bytes: int = MAX_BYTES) -> list[Event]:
        """The events that came since the last call; empty when there are none yet."""
        lines, taken = _whole_lines(self.path, self.offset, max_bytes)
        read = _parse(lines)
        self.offset += taken
        self.damaged += len(lines) - len(read)
        return read


def _whole_lines(path: Path | str, offset: int, max_bytes: int) -> tuple[list[bytes], int]:
    """The lines that are not blank and end before ``offset + max_bytes``, and how many bytes they take."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return [], 0
    try:
        data = os.pread(fd, max_bytes, offset)
        end = data.rfind(b"\n") + 1
        while not end and len(data) >= max_bytes:
            more = os.pread(fd, max_bytes, offset + len(data))
            if not more:
                break
            data += more
            end = data.rfind(b"\n") + 1
    finally:
        os.close(fd)
    return [line for line in data[:end].split(b"\n") if line], end


def _parse(lines: list[bytes]) -> list[Event]:
    """The events of ``lines``. All at once, which is several times faster; one by one where a line is damaged."""
    try:
        parsed = json.loads(b"[" + b",\n".join(lines) + b"]")
    except ValueError:
        parsed = []
    if len(parsed) != len(lines):
        parsed = [_parse_line(line) for line in lines]
    whole: list[Any] = [unpacked(value) if _is_packed(value) else value for value in parsed]
    return [event for event in whole if _is_event(event)]


def _parse_line(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _is_packed(value: Any) -> bool:
    return isinstance(value, dict) and "b" in value and "t" not in value


def _is_event(value: Any) -> bool:
    return isinstance(value, dict) and "k" in value and isinstance(value.get("t"), (int, float))
