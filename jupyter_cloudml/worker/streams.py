"""``sys.stdout`` and ``sys.stderr`` of the cell, and what C code and subprocesses write to descriptors 1 and 2."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import select
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from .background import Background
from .redact import Redactor

PARTIAL_LINE_S = 0.02
_PIPE_BYTES = 1 << 16

Emit = Callable[[str, str], None]


class OutStream(io.TextIOBase):
    """A text stream whose lines are journalled as they end, and whose partial lines after 20 ms.

    As ``ipykernel``'s stream it has no ``buffer``, is no terminal, and its ``fileno`` is the worker's own log, not the
    cell. Safe to use from every thread, and in forked children (their lines are journalled too).
    """

    encoding = "UTF-8"

    def __init__(self, name: str, emit: Emit, redactor: Redactor, log_fd: int) -> None:
        self.name = name
        self._emit = emit
        self._redactor = redactor
        self._log_fd = log_fd
        self._lock = threading.RLock()
        self._pending: list[str] = []
        self._before_write: Callable[[], None] | None = None
        self._arm: Callable[[], None] | None = None
        self.is_forked = False

    def write(self, text: str) -> int:
        """Take ``text``; whole lines are in the journal when this returns."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if self._before_write is not None and ("\n" in text or not self._pending):
            self._before_write()
        self.take(text)
        return len(text)

    def take(self, text: str) -> None:
        """Add ``text`` behind what is pending, without looking at the descriptors first."""
        with self._lock:
            self._pending.append(text)
            if "\n" in text:
                self._send(upto_line_end=True)
            elif self._arm is not None and text:
                self._arm()
            elif self.is_forked:
                self._send()

    def flush(self) -> None:
        """Journal what is pending; only what may be the beginning of a secret stays back."""
        with self._lock:
            self._send()

    def finish(self) -> None:
        """Journal everything, also what was held back."""
        with self._lock:
            self._send(hold=False)

    def fileno(self) -> int:
        return self._log_fd

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def _send(self, *, upto_line_end: bool = False, hold: bool = True) -> None:
        if not self._pending:
            return
        text = "".join(self._pending)
        cut = text.rfind("\n") + 1 if upto_line_end else len(text)
        if self._redactor:
            text, cut = self._redacted(text, cut, hold=hold)
        self._pending = [text[cut:]] if cut < len(text) else []
        if cut:
            self._emit(self.name, text[:cut])

    def _redacted(self, text: str, cut: int, *, hold: bool) -> tuple[str, int]:
        held = self._redactor.held(text) if hold else 0
        body, tail = text[: len(text) - held], text[len(text) - held :]
        rest = len(text) - cut
        clean = self._redactor.text(body)
        if rest <= held:
            return clean + tail, len(clean)
        return clean + tail, clean.rfind("\n") + 1


class Pump:
    """Descriptors 1 and 2 of this process lead into the streams while it is open.

    ``drain`` takes what has been written so far, so that the output of a finished subprocess comes before the next
    ``print``. ``close`` gives the descriptors back and takes the rest; call it when ``background`` has stopped.
    """

    def __init__(self, stdout: OutStream, stderr: OutStream, background: Background) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._draining = False  # a signal handler may print while its thread is in here
        self._saved = {1: os.dup(1), 2: os.dup(2)}
        self._poll = select.poll()
        self._sinks: dict[int, tuple[OutStream, codecs.IncrementalDecoder]] = {}
        for target, stream in ((1, stdout), (2, stderr)):
            fd = self._redirect(target, stream)
            background.watch(fd, partial(self._read, fd))

    def drain(self) -> None:
        """Take what the descriptors hold now; never blocks. Nothing in a forked child: the pipe is its parent's."""
        with self._lock:
            if self._draining or os.getpid() != self._pid:
                return
            self._draining = True
            try:
                for fd, _ in self._poll.poll(0):
                    self._read(fd)
            finally:
                self._draining = False

    def close(self) -> None:
        _flush_c_stdio()
        for target, saved in self._saved.items():
            os.dup2(saved, target)
            os.close(saved)
        with self._lock:
            for fd in list(self._sinks):
                self._read(fd)
                self._poll.unregister(fd)
                del self._sinks[fd]
                os.close(fd)

    def _redirect(self, target: int, stream: OutStream) -> int:
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.dup2(write, target)
        os.close(write)
        self._poll.register(read, select.POLLIN)
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._sinks[read] = (stream, decoder)
        return read

    def _read(self, fd: int) -> bool:
        """Take all that is there; False when no writer is left."""
        with self._lock:
            stream, decoder = self._sinks[fd]
            while True:
                try:
                    data = os.read(fd, _PIPE_BYTES)
                except BlockingIOError:
                    return True
                if text := decoder.decode(data, final=not data):
                    stream.take(text)
                if not data:
                    return False


class Streams:
    """The cell's two streams and the pump behind them, installed as one."""

    def __init__(self, emit: Emit, redactor: Redactor, background: Background) -> None:
        self._log_fds = (os.dup(1), os.dup(2))
        self.stdout = OutStream("stdout", emit, redactor, self._log_fds[0])
        self.stderr = OutStream("stderr", emit, redactor, self._log_fds[1])
        self._background = background
        self._pump: Pump | None = None
        self._previous: tuple[Any, Any] = (sys.stdout, sys.stderr)
        self._is_armed = False

    def install(self) -> None:
        """``sys.stdout``, ``sys.stderr`` and descriptors 1 and 2 belong to the cell from here on."""
        self._previous = (sys.stdout, sys.stderr)
        for stream in self._previous:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = self.stdout, self.stderr
        self._pump = Pump(self.stdout, self.stderr, self._background)
        for stream in (self.stdout, self.stderr):
            stream._before_write = self._pump.drain
            stream._arm = self._arm
        os.register_at_fork(after_in_child=self._after_fork)

    def flush(self) -> None:
        """Everything written so far is in the journal, but for a possible beginning of a secret."""
        if self._pump is not None:
            self._pump.drain()
        self.stdout.flush()
        self.stderr.flush()

    def restore(self) -> None:
        """The process has its own streams again, and nothing that the cell wrote is lost. The background has stopped."""
        sys.stdout, sys.stderr = self._previous
        if self._pump is not None:
            self._pump.close()
            self._pump = None
        for stream in (self.stdout, self.stderr):
            stream._before_write = stream._arm = None
            stream.finish()
        for fd in self._log_fds:
            os.close(fd)

    def _arm(self) -> None:
        if not self._is_armed:
            self._is_armed = True
            self._background.soon(PARTIAL_LINE_S, self._flush_partial)

    def _flush_partial(self) -> None:
        self._is_armed = False
        self.stdout.flush()
        self.stderr.flush()

    def _after_fork(self) -> None:
        """A lock that another thread held at the fork would never be released; the helper thread is not there."""
        for stream in (self.stdout, self.stderr):
            stream._lock = threading.RLock()
            stream._pending = []
            stream._before_write = stream._arm = None
            stream.is_forked = True


def _flush_c_stdio() -> None:
    """What C code left in its buffers, where ctypes is loaded anyway."""
    ctypes = sys.modules.get("ctypes")
    if ctypes is not None:
        ctypes.CDLL(None).fflush(None)
