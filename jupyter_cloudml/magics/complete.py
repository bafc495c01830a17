"""Tab completion on the lines of our magics: flags, targets, jobs, names of the notebook, files, variables."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from ..client.line import Flag
from ..core.errors import CloudMLError
from ..prep.request import ENGINES
from .train import FLAGS_OF

_LINE = re.compile(r"^\s*%{1,2}(cloud\w+)\s(.*)$", re.DOTALL)
_TAKES_JOB = frozenset({"cloudattach", "cloudpull", "cloudlogs", "cloudcancel", "cloudretry"})
MAX_JOBS = 30


def matcher(shell: Any) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """The matcher (API v2) for ``shell.Completer.custom_matchers``."""

    @context_matcher(identifier="cloudml_matcher")  # type: ignore[untyped-decorator]
    def cloudml_matcher(context: CompletionContext) -> SimpleMatcherResult:
        line = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
        found = completions(line, shell.user_ns, frozenset(shell.user_ns_hidden))
        if found is None:
            return {"completions": []}
        fragment, words, kind = found
        items = [SimpleCompletion(text=word, type=kind) for word in words]
        return {"completions": items, "matched_fragment": fragment, "suppress": bool(items)}

    return cloudml_matcher  # type: ignore[no-any-return]


def completions(
    line: str, namespace: dict[str, Any], hidden: frozenset[str] = frozenset()
) -> tuple[str, list[str], str] | None:
    """For the text before the cursor: the fragment that is replaced, what may replace it, and its kind.

    None when the line is none of ours. Never raises for a damaged registry or configuration: there is just less to offer.
    """
    match = _LINE.match(line)
    if match is None or match[1] not in FLAGS_OF:
        return None
    magic, text = match[1], match[2]
    flags = FLAGS_OF[magic]
    fragment = re.split(r"\s", text)[-1]
    before = text[: len(text) - len(fragment)].split()
    flag = _waiting(before, flags)
    if flag is not None:
        fragment = (
            fragment.rpartition(",")[2] if flag.completes in ("variable", "secret") else fragment
        )
        if flag.completes == "uri":
            fragment = fragment.rpartition("=")[2]
        words = _values(flag.completes, fragment, namespace, hidden)
        return (
            fragment,
            [word for word in words if word.startswith(fragment)],
            flag.completes or "text",
        )
    if fragment.startswith("-") or (not fragment and magic not in _TAKES_JOB):
        names = sorted(max(flag.names, key=len) for flag in flags)
        return fragment, [name for name in names if name.startswith(fragment)], "option"
    if magic in _TAKES_JOB and not any(not word.startswith("-") for word in before):
        return fragment, [word for word in _jobs() if word.startswith(fragment)], "job"
    return fragment, [], "text"


def _waiting(before: list[str], flags: Iterable[Flag]) -> Flag | None:
    """The flag whose value the cursor is in, if any."""
    by_name = {name: flag for flag in flags for name in flag.names}
    for back, word in enumerate(reversed(before), start=1):
        flag = by_name.get(word)
        if flag is not None:
            return flag if flag.arity < 0 or back <= flag.arity else None
        if back >= 2:
            return None
    return None


def _values(
    kind: str, fragment: str, namespace: dict[str, Any], hidden: frozenset[str]
) -> list[str]:
    if kind == "target":
        return _targets()
    if kind == "job":
        return _jobs()
    if kind == "variable":
        from ..capture.plan import user_names

        return sorted(name for name in user_names(namespace, hidden) if not name.startswith("_"))
    if kind == "secret":
        return sorted(os.environ)
    if kind == "engine":
        return list(ENGINES)
    if kind == "uri":
        return [*_stores(), *_files(fragment)]
    return _files(fragment) if kind == "file" else []


def _targets() -> list[str]:
    from ..client.session import configuration
    from ..targets.registry import names as target_names

    try:
        return target_names(configuration())
    except CloudMLError:
        return ["local"]


def _stores() -> list[str]:
    from ..stores.config import load_stores

    try:
        return [options.uri for options in load_stores(Path.cwd()).stores.values()]
    except CloudMLError:
        return []


def _jobs() -> list[str]:
    from ..client.session import current_session

    try:
        return [row.id for row in current_session().registry.list_jobs(limit=MAX_JOBS)]
    except CloudMLError:
        return []


def _files(fragment: str) -> list[str]:
    folder, _, start = fragment.rpartition("/")
    root = Path(folder or ("/" if fragment.startswith("/") else "."))
    prefix = f"{folder}/" if "/" in fragment else ""
    try:
        entries = [path for path in root.iterdir() if path.name.startswith(start)]
    except OSError:
        return []
    return sorted(prefix + path.name + ("/" if path.is_dir() else "") for path in entries)
