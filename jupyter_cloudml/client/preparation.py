"""``%%cloudprep``: from its line and its cell to a job. What can be wrong without reading data is refused here."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ..capture import CapturePlan, CellNames, analyse, plan
from ..core.errors import BadInput
from ..core.spec import TargetRef
from ..core.uris import join_uri, refuse_credentials, scheme_of, split_uri
from ..prep.arrow import is_frame
from ..prep.formats import checked_format
from ..prep.language import language_of
from ..prep.request import AUTO, DEFAULT_ROWS, PYTHON, RESULT, PrepRequest, checked_engine
from ..prep.sinks import refuse_overlaps, sink_of
from ..prep.sql import parse, refuse_syntax, refuse_unknown_tables, tables_of
from ..prep.tables import resolve
from .defaults import defaults
from .launch import Source, raise_syntax_error

_WORDS = frozenset(
    {
        *("sources", "sinks", "outputs", "rows", "engine"),
        *("partition_by", "format", "cache", "no_cache"),
    }
)
_IN_SQL = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|(?s:/\*.*?\*/|\$\$.*?\$\$)|\$([A-Za-z_]\w*)"
)


def as_preparation(source: Source, words: Mapping[str, Any]) -> tuple[Source, dict[str, Any]]:
    """The source of the job, and the words that are left for it.

    Raises:
        BadInput: a word, a name, a format, the SQL, or a source of this machine that is not there.
    """
    of_job = {word: value for word, value in words.items() if word not in _WORDS}
    language = language_of(source.text, source.transform)
    request = _request(language, words)
    for name in request.sinks:
        _check_name(name, "--sink")
    refuse_overlaps(
        {
            name: sink_of(uri, format=request.format, partition_by=request.partition_by)
            for name, uri in request.sinks.items()
        }
    )
    if TargetRef.parse({**defaults(), **of_job}.get("on", "local")).kind == "local":
        for name, uri in request.sources.items():
            if scheme_of(uri) == "file":
                resolve(name, uri)
    known = {**source.namespace, **words.get("params", {})}
    text = source.text if language == PYTHON else with_values(source.text, known)
    captured, frames = (_of_python if language == PYTHON else _of_sql)(
        replace(source, text=text), request
    )
    request = replace(request, frames=frames)
    made = replace(source, text=text, kind="prep", prep=request.to_json(), captured=captured)
    return made, {**of_job, "outputs": request.outputs or None, "no_return": not request.outputs}


def _request(language: str, words: Mapping[str, Any]) -> PrepRequest:
    outputs = tuple(words.get("outputs", ()))
    sinks = dict(words.get("sinks", {}))
    if "" in sinks:
        if len(sinks) > 1:
            raise BadInput("--sink: of several sinks each needs a name", hint="--sink train=URI")
        sinks = {outputs[0] if outputs else RESULT: sinks[""]}
    for name in outputs:
        _check_name(name, "-o")
    wanted = dict.fromkeys((*sinks, *outputs))
    if language != PYTHON and len(wanted) > 1:
        raise BadInput(
            f"a SQL cell has one result, not {' and '.join(wanted)}",
            hint="write Python, or a cell for each",
        )
    for name in words.get("sources", {}):
        _check_name(name, "--source")
    if words.get("cache") and words.get("no_cache"):
        raise BadInput("--cache and --no-cache contradict each other", hint="give one of them")
    return PrepRequest(
        language=language,
        engine=checked_engine(words.get("engine", AUTO)),
        sources={name: absolute(uri) for name, uri in words.get("sources", {}).items()},
        sinks={name: absolute(uri) for name, uri in sinks.items()},
        outputs=outputs,
        rows=_rows(words.get("rows", DEFAULT_ROWS)),
        partition_by=tuple(words.get("partition_by", ())),
        format=checked_format(words.get("format", "")),
        is_cached=not words.get("no_cache", False),
    )


def absolute(uri: str) -> str:
    """``uri`` as it reads from any directory; patterns and the last slash stay. Raises ``BadInput`` for one with a password."""
    if scheme_of(uri) != "file":
        refuse_credentials(uri)
        return uri
    if not uri:
        raise BadInput("an empty URI names nothing")
    root, key = split_uri(uri)
    return join_uri(root, key)


def _check_name(name: str, flag: str) -> None:
    if not name.isidentifier():
        raise BadInput(f"{flag} {name!r} is not a name", hint="letters, digits and _")


def _rows(text: str | int) -> int:
    if not str(text).isdigit():
        raise BadInput(f"-n {text!r} is not a number of rows")
    return min(int(text), 1_000)


def _of_python(
    source: Source, request: PrepRequest
) -> tuple[tuple[CellNames, CapturePlan], tuple[str, ...]]:
    names = analyse(source.text, source.transform)
    if names.syntax_error:
        raise_syntax_error(source, names.syntax_error)
    bound = request.sources.keys()
    names = replace(names, reads=names.reads - bound, may_read=names.may_read - bound)
    chosen = plan(names, source.namespace, hidden=source.hidden)
    optional = tuple(name for name in chosen.optional if name not in bound)
    frames = _frames(names.reads | names.may_read, source.namespace)
    binds = names.binds & frozenset(request.outputs)
    return (replace(names, binds=binds), replace(chosen, optional=optional)), frames


def _of_sql(
    source: Source, request: PrepRequest
) -> tuple[tuple[CellNames, CapturePlan], tuple[str, ...]]:
    refuse_syntax(source.text)
    tree = parse(source.text)
    if tree is None:  # DuckDB knows what its tables are; every frame that is named may be one
        named: Collection[str] = set(re.findall(r"[A-Za-z_]\w*", source.text))
    else:
        named = tables_of(tree)
    frames = tuple(name for name in _frames(named, source.namespace) if name not in request.sources)
    if tree is not None:
        refuse_unknown_tables(tree, [*request.sources, *frames])
    names = CellNames(reads=frozenset(frames), binds=frozenset(request.outputs))
    return (names, CapturePlan(required=frames, optional=())), frames


def _frames(names: Collection[str], namespace: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if is_frame(namespace.get(name))))


def with_values(text: str, namespace: Mapping[str, Any]) -> str:
    """SQL with every ``$name`` outside of quotes and comments replaced by the notebook's value.

    Raises:
        BadInput: no such name, or a value that SQL has no literal for.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0]
        if name not in namespace:
            raise BadInput(f"SQL: the notebook has no {name!r} for ${name}", hint="bind it, or -p")
        return _literal(namespace[name], name)

    return _IN_SQL.sub(value, text)


def _literal(value: Any, name: str) -> str:
    if hasattr(value, "tolist"):  # NumPy's
        value = value.tolist()
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (list, tuple, set)):
        return "(" + ", ".join(_literal(item, name) for item in value) + ")"
    if isinstance(value, datetime.datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    if isinstance(value, datetime.date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, float) and not math.isfinite(value):
        return f"CAST('{value}' AS DOUBLE)"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise BadInput(
        f"SQL: ${name} is {type(value).__name__}, which is no value of SQL",
        hint="numbers, text, dates, and lists of them are",
    )
