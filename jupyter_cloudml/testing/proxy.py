"""A proxy between a client and a real HTTP server that sees every request and breaks what it is told to."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_BLOCK = 64 << 10


@dataclass(frozen=True, slots=True)
class Seen:
    """One request; header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass
class FaultyProxy:
    """Listens on loopback as ``endpoint`` while its context is open; change the fields while it runs.

    ``cut_down_after`` / ``cut_up_after``: reset the connections once so many bytes of bodies have gone down / up, and
    refuse new ones until it is None again. ``flip``: change one byte of every downloaded body of 1,000 bytes or more.
    ``bytes_per_s``: how many bytes of bodies all connections together carry, each way. ``answer``: given a request, the
    bytes to answer instead of asking the server, or None.
    """

    upstream: tuple[str, int]
    cut_down_after: int | None = None
    cut_up_after: int | None = None
    flip: bool = False
    bytes_per_s: int | None = None
    answer: Callable[[Seen], bytes | None] | None = None
    seen: list[Seen] = field(default_factory=list)
    down: int = 0
    up: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._free_at = {"up": 0.0, "down": 0.0}

    def __enter__(self) -> FaultyProxy:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepting = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._reset_all()
        for thread in (self._accepting, *self._threads):
            thread.join(10)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def forget(self) -> None:
        """Count from zero."""
        self.seen.clear()
        self.down = self.up = 0

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut():
                _reset(client)
                continue
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            server = socket.create_connection(self.upstream)
            self._open |= {client, server}
            try:
                from_client, from_server = client.makefile("rb"), server.makefile("rb")
                while self._one(client, server, from_client, from_server):
                    pass
            finally:
                self._open -= {client, server}
                server.close()
                client.close()

    def _one(
        self, client: socket.socket, server: socket.socket, asked: object, said: object
    ) -> bool:
        """One request and its answer; False at the end of the connection."""
        head, lines = _head(asked)
        if not head:
            return False
        method, target = head.split(" ")[:2]
        request = Seen(method, target, lines)
        self.seen.append(request)
        own = self.answer(request) if self.answer else None
        if lines.pop("expect", None):
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if own is not None:
            for _ in _body(asked, lines):
                pass
            client.sendall(own)
            return True
        server.sendall(_spelled(head, lines))
        for block in _body(asked, lines):
            self._count("up", len(block))
            server.sendall(block)
        head, lines = _head(said)
        if not head:  # the upstream ended, or ``_reset_all`` cut both sides meanwhile
            return False
        client.sendall(_spelled(head, lines))
        is_empty = method == "HEAD" or head.split(" ")[1] in ("204", "304")
        for block in () if is_empty else _body(said, lines):
            self._count("down", len(block))
            client.sendall(_flipped(block) if self._flips(method, lines) else block)
        return True

    def _flips(self, method: str, lines: dict[str, str]) -> bool:
        return self.flip and method == "GET" and int(lines.get("content-length", 0)) >= 1000

    def _count(self, way: str, count: int) -> None:
        with self._lock:
            setattr(self, way, getattr(self, way) + count)
        if self._is_cut():
            self._reset_all()
            raise ConnectionResetError("cut")
        if self.bytes_per_s is not None:
            time.sleep(self._turn(way, count / self.bytes_per_s))

    def _turn(self, way: str, seconds: float) -> float:
        """How long it takes until the link is free and has carried this too."""
        with self._lock:
            now = time.monotonic()
            self._free_at[way] = max(self._free_at[way], now) + seconds
            return self._free_at[way] - now

    def _is_cut(self) -> bool:
        down, up = self.cut_down_after, self.cut_up_after
        return (down is not None and self.down > down) or (up is not None and self.up > up)

    def _reset_all(self) -> None:
        for each in list(self._open):
            _reset(each)


def _reset(link: socket.socket) -> None:
    with contextlib.suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
    link.close()


def _head(file: object) -> tuple[str, dict[str, str]]:
    first = file.readline().decode("latin-1").strip()  # type: ignore[attr-defined]
    lines: dict[str, str] = {}
    while line := file.readline().decode("latin-1").strip():  # type: ignore[attr-defined]
        name, _, value = line.partition(":")
        lines[name.lower()] = value.strip()
    return first, lines


def _spelled(head: str, lines: dict[str, str]) -> bytes:
    every = [head, *(f"{name}: {value}" for name, value in lines.items()), "", ""]
    return "\r\n".join(every).encode("latin-1")


def _body(file: object, lines: dict[str, str]) -> Iterator[bytes]:
    """The bytes of a body as they cross the wire."""
    read, readline = file.read1, file.readline  # type: ignore[attr-defined]
    if lines.get("transfer-encoding", "").lower() == "chunked":
        while True:
            size = readline()
            count = int(size.partition(b";")[0], 16)
            yield size + file.read(count + 2)  # type: ignore[attr-defined]
            if not count:
                return
    rest = int(lines.get("content-length", 0))
    while rest:
        block = read(min(_BLOCK, rest))
        if not block:
            raise ConnectionResetError("the other side closed")
        rest -= len(block)
        yield block


def _flipped(block: bytes) -> bytes:
    return bytes([block[0] ^ 1]) + block[1:]
