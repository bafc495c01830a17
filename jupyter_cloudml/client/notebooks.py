"""Whole notebooks as jobs, by the path that a front end has for them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.errors import BadInput, NotFound
from .options import MERGED_WORDS, WORDS, suggestion
from .pages import row_to_show
from .programs import submit_program

_LISTS = ("inputs", "outputs", "secrets")
_ASKED = ("path", "target", "options")


def run_notebook(root: Path | None, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Start the notebook ``asked["path"]`` (below ``root``) on ``asked["target"]``; the row of its job.

    ``options`` are the words of ``jupyter cloudml run``: ``{"gpus": 1, "params": {"lr": 0.1}}``.

    Raises:
        BadInput: the path lies elsewhere or is no notebook, or an option is unknown or of the wrong shape.
        NotFound: there is no such file.
    """
    for key in asked:
        if key not in _ASKED:
            raise BadInput(f"{key!r} is not asked for", hint=suggestion(key, _ASKED))
    if root is None:
        raise BadInput("this server keeps its notebooks elsewhere than on its disk")
    path = inside(root, asked.get("path"))
    if path.suffix != ".ipynb":
        raise BadInput(f"{asked.get('path')!r} is not a notebook")
    if not path.is_file():
        raise NotFound(f"no notebook {asked.get('path')!r}")
    words = _words(asked.get("options") or {})
    target = asked.get("target") or "local"
    if not isinstance(target, str):
        raise BadInput(f"target {target!r} is not a name")
    job = submit_program(
        file=str(path),
        code="",
        output="",
        arguments=(),
        words={**words, "on": target},
        notebook=str(root / str(asked["path"])),
    )
    return row_to_show(job.row, now=time.time(), root=root)


def inside(root: Path, path: Any) -> Path:
    """The file or folder that ``path`` names below ``root``, every link followed.

    Raises:
        BadInput: it is no path, or does not lie there.
    """
    if not isinstance(path, str) or not path or "\0" in path:
        raise BadInput(f"{path!r} is not a path")
    top = root.resolve()
    try:
        found = (top / path.lstrip("/")).resolve()
        found.exists()
    except (OSError, ValueError) as exc:  # too long, or no text that a file system could hold
        raise BadInput(f"{path[:80]!r} is not a path") from exc
    if not found.is_relative_to(top):
        raise BadInput(f"{path!r} lies outside of the server's folder")
    return found


def _words(options: Any) -> dict[str, Any]:
    if not isinstance(options, dict):
        raise BadInput("options are not a JSON object")
    for word, value in options.items():
        if word not in WORDS:
            raise BadInput(f"{word!r} is not an option of a job", hint=suggestion(word, WORDS))
        if word in MERGED_WORDS:
            is_right = isinstance(value, dict)
        elif word in _LISTS:
            is_right = isinstance(value, list) and all(isinstance(item, str) for item in value)
        else:
            is_right = isinstance(value, str | int | float | bool)
        if not is_right:
            raise BadInput(f"option {word} = {value!r} has the wrong shape")
    return options
