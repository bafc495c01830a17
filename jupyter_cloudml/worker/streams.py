"""``sys.stdout`` and ``sys.stderr`` of the cell, and what C code and subprocesses write to descriptors 1 and 2."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from .redact import Redactor

PARTIAL_LINE_S = 0.02
_PIPE_BYTES = 1 << 16

Emit = Callable[[str, str], None]


class Stream(io.TextIOBase):
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

    def write(self, text: str) -> int:
        """Take ``text``; whole lines are in the journal when this returns."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if self._before_write is not None:
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


class Flusher:
    """The thread that journals partial lines; it is started by the first one."""

    def __init__(self, streams: tuple[Stream, ...]) -> None:
        self._streams = streams
        self._armed = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._pid = os.getpid()

    def arm(self) -> None:
        if self._armed.is_set() and self._pid == os.getpid():
            return
        if self._thread is None or self._pid != os.getpid():
            self._start()
        self._armed.set()

    def stop(self) -> None:
        self._stopped = True
        self._armed.set()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._armed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cloudml-flush", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped:
            self._armed.wait()
            time.sleep(PARTIAL_LINE_S)
            self._armed.clear()
            if not self._stopped:
                for stream in self._streams:
                    stream.flush()


class Pump:
    """Descriptors 1 and 2 of this process lead into the streams while it is open.

    ``drain`` takes what has been written so far, so that the output of a finished subprocess comes before the next
    ``print``. ``close`` gives the descriptors back after a last ``drain``.
    """

    def __init__(self, stdout: Stream, stderr: Stream) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._draining = False  # a signal handler may print while its thread is in here
        self._saved = {1: os.dup(1), 2: os.dup(2)}
        self._poll = select.poll()
        self._sinks: dict[int, tuple[Stream, codecs.IncrementalDecoder]] = {}
        for target, stream in ((1, stdout), (2, stderr)):
            self._redirect(target, stream)
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="cloudml-output", daemon=True)
        self._thread.start()

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
        os.write(self._wake_write, b"x")
        self._thread.join()
        with self._lock:
            for fd in list(self._sinks):
                self._read(fd)
                self._forget(fd)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _redirect(self, target: int, stream: Stream) -> None:
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.dup2(write, target)
        os.close(write)
        self._poll.register(read, select.POLLIN)
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._sinks[read] = (stream, decoder)

    def _run(self) -> None:
        poll = select.poll()
        for fd in (*self._sinks, self._wake_read):
            poll.register(fd, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if self._wake_read in ready:
                return
            with self._lock:
                for fd in ready:
                    if not self._read(fd):
                        poll.unregister(fd)

    def _read(self, fd: int) -> bool:
        """Take all that is there; False when no writer is left."""
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

    def _forget(self, fd: int) -> None:
        self._poll.unregister(fd)
        del self._sinks[fd]
        os.close(fd)


class Streams:
    """The cell's two streams, their flusher and the pump behind them, installed as one."""

    def __init__(self, emit: Emit, redactor: Redactor) -> None:
        log = os.dup(1), os.dup(2)
        self._log_fds = log
        self.stdout = Stream("stdout", emit, redactor, log[0])
        self.stderr = Stream("stderr", emit, redactor, log[1])
        self._flusher = Flusher((self.stdout, self.stderr))
        self._pump: Pump | None = None
        self._previous: tuple[Any, Any] = (sys.stdout, sys.stderr)

    def install(self) -> None:
        """``sys.stdout``, ``sys.stderr`` and descriptors 1 and 2 belong to the cell from here on."""
        self._previous = (sys.stdout, sys.stderr)
        for stream in self._previous:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = self.stdout, self.stderr
        self._pump = Pump(self.stdout, self.stderr)
        for stream in (self.stdout, self.stderr):
            stream._before_write = self._pump.drain
            stream._arm = self._flusher.arm
        os.register_at_fork(after_in_child=self._after_fork)

    def flush(self) -> None:
        """Everything written so far is in the journal, but for a possible beginning of a secret."""
        if self._pump is not None:
            self._pump.drain()
        self.stdout.flush()
        self.stderr.flush()

    def restore(self) -> None:
        """The process has its own streams again; nothing that the cell wrote is lost."""
        sys.stdout, sys.stderr = self._previous
        if self._pump is not None:
            self._pump.close()
            self._pump = None
        self._flusher.stop()
        for stream in (self.stdout, self.stderr):
            stream._before_write = stream._arm = None
            stream.finish()

    def _after_fork(self) -> None:
        """A lock that another thread held at the fork would never be released in the child."""
        for stream in (self.stdout, self.stderr):
            stream._lock = threading.RLock()
            stream._pending = []
            stream._before_write = None


def _flush_c_stdio() -> None:
    """What C code left in its buffers, where ctypes is loaded anyway."""
    ctypes = sys.modules.get("ctypes")
    if ctypes is not None:
        ctypes.CDLL(None).fflush(None)
