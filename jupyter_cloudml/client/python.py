"""Python's own way to a job: ``submit`` for code or a function, ``@remote`` for a function that runs elsewhere."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..core.errors import BadInput
from ..core.spec import Origin
from ..core.states import JobState
from .defaults import defaults
from .job import RESULT, Job
from .launch import Source, launch
from .lookup import get
from .options import SubmitOptions, options_from
from .origin import origin
from .session import current_session

_FUNCTION, _ARGS, _KWARGS = "__cloudml_function__", "__cloudml_args__", "__cloudml_kwargs__"
_CALL = f"{RESULT} = {_FUNCTION}(*{_ARGS}, **{_KWARGS})"


def submit(
    code: str | Callable[..., Any],
    *,
    args: Iterable[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    namespace: dict[str, Any] | None = None,
    **options: Any,
) -> Job:
    """Start ``code`` (source text, or a function to be called with ``args`` and ``kwargs``) and return its `Job`.

    Options are those of ``%%cloudtrain`` with underscores: ``on="local", gpus=1, params={"lr": 0.1}``; those that are not
    given are the notebook's own (``%cloudconfig``), then those of ``cloudml.toml``. Source text sees
    ``namespace`` (default: that of the notebook or script that calls). Does not wait; nothing is started when it raises.

    Raises:
        BadInput and its children: an option, a captured value or its size is wrong.
        Unavailable: the agent cannot be started, or the disk refuses.
    """
    said = _options(options)
    if callable(code):
        return _call(code, tuple(args), dict(kwargs or {}), said)
    found = _callers_namespace() if namespace is None else namespace
    shell = found.get("get_ipython")
    ip = shell() if callable(shell) else None
    source = Source(
        text=code,
        namespace=found,
        transform=ip.transform_cell if ip is not None else None,
        hidden=frozenset(ip.user_ns_hidden) if ip is not None else frozenset(),
    )
    return _launched(source, said)


def remote(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """A decorator: the function runs on a target whenever it is called.

    ``train(X)`` runs there, waits and returns the value; what it changed in its arguments and globals is changed here
    too, and its exception is raised here. ``train.submit(X)`` returns a `Job` at once, ``train.map(items)`` one for each
    item; both bring only the value home. Inside a job, a call of the function is an ordinary call.
    """
    if function is None:
        return functools.partial(remote, **options)
    _options(options)
    return RemoteFunction(function, options)


class RemoteFunction:
    """A function that runs elsewhere. It travels to a job as the plain function that it wraps."""

    def __init__(self, function: Callable[..., Any], words: Mapping[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._words = dict(words)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        job = _call(self._function, args, kwargs, _options(self._words), brings_all=True)
        try:
            state = job.wait()
        except KeyboardInterrupt:
            job.cancel()
            raise
        namespace = _globals_of(self._function)
        applied = job.bind(namespace)
        value = namespace.pop(RESULT, None)
        if state is not JobState.SUCCEEDED:
            raise job.exception_from(state, applied)
        return value

    def submit(self, *args: Any, **kwargs: Any) -> Job:
        """Start one call; its `Job` at once."""
        return _call(self._function, args, kwargs, _options(self._words))

    def map(self, items: Iterable[Any]) -> list[Job]:
        """One job per item; a tuple is unpacked into arguments, a dict into keyword arguments."""
        return [self.submit(*_positional(item), **_keywords(item)) for item in items]

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial, (self._function,)

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else functools.partial(self, instance)


def cancel(job: str) -> bool:
    """Ask the job of this id or name to stop; False when it had ended already."""
    return get(job).cancel()


def retry(job: str) -> Job:
    """Start the job of this id or name, which has ended, once more."""
    return get(job).retry()


def _call(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    options: SubmitOptions,
    *,
    brings_all: bool = False,
) -> Job:
    if isinstance(function, RemoteFunction):
        function = function._function
    if options.inputs is not None or options.outputs is not None:
        raise BadInput(
            "inputs and outputs are for cells", hint="a function has arguments and a return value"
        )
    values = {_FUNCTION: function, _ARGS: args, _KWARGS: kwargs}
    source = Source(text=_CALL, namespace=_globals_of(function), kind="function", values=values)
    name = options.name or getattr(function, "__name__", "")
    said = options if brings_all else _with(options, outputs=(RESULT,))
    return _launched(source, _with(said, name=name), waits=brings_all)


def _launched(source: Source, options: SubmitOptions, *, waits: bool = False) -> Job:
    session = current_session()
    launched = launch(session, source, options, _origin())
    job = Job(launched.id, session, home=launched.home)
    if not waits:
        job.depart(source.namespace, launched.binds)
    return job


def _origin() -> Origin:
    return origin(os.environ)


def _options(words: Mapping[str, Any]) -> SubmitOptions:
    options = options_from(words, defaults())
    if options.dry_run:
        raise BadInput("dry_run is for %%cloudtrain --dry-run", hint="leave dry_run out")
    return options


def _with(options: SubmitOptions, **changes: Any) -> SubmitOptions:
    return replace(options, **changes)


def _globals_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The namespace that travels with the function: its module's, when that is the notebook or script itself."""
    found = getattr(function, "__globals__", {})
    return found if found.get("__name__") == "__main__" else {}


def _callers_namespace() -> dict[str, Any]:
    return sys.modules["__main__"].__dict__


def _positional(item: Any) -> tuple[Any, ...]:
    if isinstance(item, Mapping):
        return ()
    return item if isinstance(item, tuple) else (item,)


def _keywords(item: Any) -> dict[str, Any]:
    return dict(item) if isinstance(item, Mapping) else {}
