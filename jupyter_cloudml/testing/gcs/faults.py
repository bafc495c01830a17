"""What goes wrong on order: an error status, a connection cut after so many bytes, a byte that is not what it was."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .exchange import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Meets the next ``times`` requests of ``method`` whose target has ``contains`` in it.

    ``status`` is answered instead of all else. ``cut_after`` counts the bytes of the body that was asked to move, up or
    down; then the connection is reset. ``corrupt`` changes the first byte that goes out; ``lose_answer`` does what was
    asked and resets the connection instead of saying so.
    """

    method: str = ""
    contains: str = ""
    times: int = 1
    status: int = 0
    cut_after: int | None = None
    corrupt: bool = False
    lose_answer: bool = False

    def fits(self, request: Request) -> bool:
        return self.method in ("", request.method) and self.contains in request.target


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[list[Fault]] = []

    def order(self, fault: Fault) -> None:
        with self._lock:
            self._left.append([fault] * fault.times)

    def clear(self) -> None:
        with self._lock:
            self._left.clear()

    def meet(self, request: Request) -> Fault:
        """The fault that this request meets; it is used up."""
        with self._lock:
            for left in self._left:
                if left and left[0].fits(request):
                    return left.pop()
        return Fault()


def cut(blocks: Iterable[bytes], after: int | None) -> Iterator[bytes]:
    """``blocks``, but ``ConnectionResetError`` once ``after`` bytes have passed."""
    if after is None:
        yield from blocks
        return
    for block in blocks:
        yield block[:after]
        after -= len(block)
        if after <= 0:
            raise ConnectionResetError("cut on order")


def corrupt(blocks: Iterable[bytes]) -> Iterator[bytes]:
    is_first = True
    for block in blocks:
        if is_first and block:
            block, is_first = bytes([block[0] ^ 1]) + block[1:], False
        yield block
