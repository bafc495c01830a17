"""Where everything that a cell shows goes: its streams and its rich outputs, in order, into the journal."""

from __future__ import annotations

from typing import Any

from ..core import events
from ..journal.writer import JournalWriter
from .background import Background
from .redact import Redactor
from .streams import Streams


class JournalOutlet:
    """The outputs of one cell as journal events; a context in which the process's streams are the cell's."""

    def __init__(self, writer: JournalWriter, redactor: Redactor, background: Background) -> None:
        self._background = background
        self._writer = writer
        self._redactor = redactor
        self._streams: Streams | None = None

    def __enter__(self) -> JournalOutlet:
        self._streams = Streams(self._stream, self._redactor, self._background)
        self._streams.install()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Leave when the background has stopped: the rest is taken here."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams.restore()

    def output(self, output: dict[str, Any]) -> None:
        """Journal one output behind what the streams hold."""
        if self._streams is not None:
            self._streams.flush()
        self._writer.append(events.OUTPUT, output=self._redactor.tree(output))

    def _stream(self, name: str, text: str) -> None:
        output = {"output_type": "stream", "name": name, "text": text}
        self._writer.append(events.OUTPUT, output=output)
