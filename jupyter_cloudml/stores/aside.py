"""Stores used by a process of their own, so that this one stays free to fork.

obstore hangs in a forked child once its parent has used it (its runtime's threads do not come along), and a notebook or a
training forks: DataLoader workers do. So such a process lets a helper talk to stores, started at the first request with
this interpreter, path and environment. Stores of files are used directly, and so is ``s3://`` where nothing but single
objects and listings is asked for (``reads_only``): boto3 does that, and what it has imported forks well.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any, ParamSpec, TypeVar

from ..core.errors import CloudMLError, Unavailable
from ..core.uris import scheme_of
from .port import Progress

_P = ParamSpec("_P")
_T = TypeVar("_T")
_LENGTH = struct.Struct("<Q")
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from jupyter_cloudml.stores.aside import serve; serve()"
)


def aside(
    uri: str,
    call: Callable[..., _T],
    *args: Any,
    progress: Progress | None = None,
    reads_only: bool = False,
) -> _T:
    """What ``call(*args)`` returns or raises, in the helper where ``uri`` is of the network, else here.

    ``call`` is a function of a module, its arguments and value can be pickled; with ``progress`` it is given one by that
    name. One request at a time. An interrupt ends the helper, and the request with it. ``reads_only``: it calls only
    ``list``, ``walk``, ``stat``, ``read`` and ``read_ranges``.

    Raises:
        Unavailable: the helper cannot be started, or died.
        What ``call`` raises.
    """
    if is_direct(uri, reads_only=reads_only):
        return call(*args) if progress is None else call(*args, progress=progress)
    with _lock:
        value: _T = _helper_of_now().ask(call, args, progress)
    return value


def is_direct(uri: str, *, reads_only: bool) -> bool:
    """Whether ``aside`` calls in this process."""
    return scheme_of(uri) in (("file", "s3") if reads_only else ("file",))


class _Helper:
    """The process, and how it was started."""

    def __init__(self) -> None:
        self.state = _state()
        argv = [sys.executable, "-c", _BOOT, json.dumps(sys.path)]
        try:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        except OSError as exc:
            raise Unavailable(f"the helper that talks to stores cannot be started: {exc}") from exc

    def ask(self, call: Callable[..., Any], args: Any, progress: Progress | None) -> Any:
        is_answered = False
        try:
            name = (call.__module__, call.__qualname__)
            _send(self._stdin, (name, args, progress is not None))
            while True:
                word, value = _receive(self._stdout)
                if word == "moved" and progress is not None:
                    progress(value)
                    continue
                is_answered = True
                if word == "raised":
                    raise value
                return value
        except (EOFError, OSError) as exc:
            if is_answered:
                raise
            raise Unavailable(
                "the helper that talks to stores has died", hint="the same call starts another"
            ) from exc
        finally:
            if not is_answered:
                self.end()

    def end(self) -> None:
        """Kill it, whatever it is at: no store takes half an object for a whole one."""
        global _helper
        _helper = None
        self._process.kill()
        self._process.wait()
        self._stdin.close()
        self._stdout.close()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout


_helper: _Helper | None = None
_lock = threading.Lock()


def _helper_of_now() -> _Helper:
    """The helper of this process, as its environment is now; one of the parent of a fork is none."""
    global _helper
    if _helper is not None and _helper.state != _state():
        if _helper.state[0] == os.getpid():
            _helper.end()
        _helper = None
    if _helper is None:
        _helper = _Helper()
    return _helper


def _state() -> tuple[int, str, dict[str, str]]:
    return os.getpid(), os.getcwd(), dict(os.environ)  # noqa: PTH109 - a string to compare


@atexit.register
def _end() -> None:
    if _helper is not None and _helper.state[0] == os.getpid():
        _helper.end()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def serve() -> None:
    """The helper: answers until its parent is gone, then ends at once."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints is no answer
    todo: list[Any] = []
    ready = threading.Semaphore(0)

    def work() -> None:
        while True:
            ready.acquire()
            _send(answers, _answer(todo.pop(0), answers))

    threading.Thread(target=work, daemon=True).start()
    while True:
        try:
            todo.append(_receive(requests))
        except EOFError:
            os._exit(0)
        ready.release()


def _answer(request: Any, answers: IO[bytes]) -> tuple[str, Any]:
    try:
        (module, name), args, is_told = request
        __import__(module)
        call = getattr(sys.modules[module], name)
        told = {"progress": lambda moved: _send(answers, ("moved", moved))} if is_told else {}
        return "value", call(*args, **told)
    except CloudMLError as exc:
        exc.__traceback__ = None
        return "raised", exc
    except Exception as exc:  # noqa: BLE001 - the outermost frame of the helper: the asker must hear of it
        traceback.print_exc()
        return "raised", Unavailable(f"the helper that talks to stores failed: {exc!r}")


def _send(file: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message, protocol=5)
    file.write(_LENGTH.pack(len(data)))
    file.write(data)
    file.flush()


def _receive(file: IO[bytes]) -> Any:
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = file.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - between this process and its own child
