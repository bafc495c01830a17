"""Whole programs as jobs: a script, a notebook, a line of code."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import BadInput
from ..journal.atomic import write_atomic
from .defaults import defaults
from .job import Job
from .launch import Source, launch
from .line import literal
from .options import options_from, params_of
from .origin import origin
from .session import current_session


def submit_program(
    *,
    file: str,
    code: str,
    output: str,
    arguments: Sequence[str],
    words: Mapping[str, Any],
    notebook: str = "",
) -> Job:
    """Start a script (as ``__main__``, with ``sys.argv``), a notebook (by papermill) or a line of code.

    The text travels as it is now; a later change of the file is not seen. ``--detach`` among the words changes nothing
    here: it is the surface that waits. ``notebook`` is the one that the job belongs to.

    Raises:
        BadInput: not exactly one of ``file`` and ``code``, or the file cannot be read.
    """
    if bool(file) == bool(code):
        raise BadInput(
            "run needs one script, notebook or -c code",
            hint="jupyter cloudml run train.py --gpus 1",
        )
    options = options_from(words, defaults())
    if code:
        source = Source(text=code, namespace={}, kind="code")
    elif file.endswith(".ipynb"):
        said = {name: _value(value) for name, value in options.params.items()}
        parameters = {**params_of(options.params_file, dates=False), **said}
        source = Source(
            text=_notebook(Path(file), output, parameters), namespace={}, kind="notebook"
        )
    else:
        source = _script(Path(file), arguments)
    name = options.name or (Path(file).stem if file else "")
    session = current_session()
    launched = launch(
        session,
        source,
        options_from({**words, "name": name}, defaults()),
        origin(os.environ, notebook=notebook),
    )
    return Job(launched.id, session, home=launched.home)


def _script(path: Path, arguments: Sequence[str]) -> Source:
    """A script sees ``__file__``, ``sys.argv`` and its own folder on ``sys.path``, as under ``python script.py``."""
    return Source(
        text=_text(path),
        namespace={},
        kind="script",
        values={"__file__": str(path.absolute())},
        script=(str(path), *arguments),
    )


def _value(said: Any) -> Any:
    return literal(said) if isinstance(said, str) else said


def _notebook(path: Path, output: str, parameters: Mapping[str, Any]) -> str:
    """Code that executes a notebook with papermill and keeps every output, also of a run that fails."""
    _text(path)
    target = Path(output) if output else path.with_name(f"{path.stem}.executed.ipynb")
    return (
        "from jupyter_cloudml.client.programs import execute_notebook\n"
        f"execute_notebook({str(path.absolute())!r}, {str(target.absolute())!r}, "
        f"{_code(dict(parameters))})\n"
        f"print('executed notebook:', {str(target.absolute())!r})"
    )


def execute_notebook(path: str, target: str, parameters: Mapping[str, Any]) -> None:
    """Execute a notebook in its own folder into ``target``, which is written also when a cell fails.

    Its kernel is spoken to through sockets in a private folder where it can be, so that no other user can listen.
    """
    import papermill
    from traitlets.config import Config

    with tempfile.TemporaryDirectory(prefix="cloudml-") as sockets:
        private = {"transport": "ipc", "ip": f"{sockets}/kernel"} if _speaks_ipc(path) else {}
        try:
            papermill.execute_notebook(
                path,
                target,
                parameters=dict(parameters),
                cwd=str(Path(path).parent),
                progress_bar=False,
                config=Config(KernelManager=private),
            )
        finally:
            strict_json(target)


def _speaks_ipc(path: str) -> bool:
    """Python's kernels do where there are Unix sockets; of others it is not known."""
    try:
        metadata = json.loads(_text(Path(path))).get("metadata", {})
    except ValueError:  # papermill has words of its own for that
        return False
    kernel, language = metadata.get("kernelspec", {}), metadata.get("language_info", {})
    words = (kernel.get("language"), language.get("name"))
    return os.name == "posix" and "python" in words


def strict_json(path: str) -> None:
    """Make the file JSON that a browser reads: papermill keeps parameters in it, and writes ``NaN`` where they have one."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    strange: list[str] = []

    def as_text(word: str) -> str:
        strange.append(word)
        return word

    value = json.loads(text, parse_constant=as_text)
    if strange:
        write_atomic(Path(path), json.dumps(value, indent=1).encode())


def _code(value: Any) -> str:
    """Python code that makes a value as YAML has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_code(k)}: {_code(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_code, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise BadInput(f"{str(path)!r} cannot be read: {why}") from exc
