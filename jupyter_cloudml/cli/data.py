"""``jupyter cloudml data ls|cp|cat|head|rm``: data in any store, from a terminal."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..client.data.names import Item, below, found, is_pattern, matching, require_object
from ..client.data.preview import MOST_ROWS, TEXT, Preview, preview
from ..client.data.transfer import plan_copy, plan_removal, run_copy, run_removal
from ..client.flags import HELP_FLAG, JSON_FLAG
from ..client.line import Flag, help_text, keep, parse_tokens, switch
from ..client.options import suggestion
from ..client.text import size, table
from ..core.errors import BadInput
from ..stores.config import load_stores
from .progress import Bar

OK, FAILED = 0, 1
_COMMAND = "jupyter cloudml data"
_CHUNK = 8 << 20
_WIDEST = 40
_PARTITION = re.compile(r"[A-Za-z_]\w*=")
"""A folder ``year=2026`` is no pair of a flag."""

_RECURSIVE = Flag(
    names=("-r", "--recursive"), word="recursive", fold=switch, arity=0, help="all that is below"
)
_YES = Flag(names=("-y", "--yes"), word="yes", fold=switch, arity=0, help="do not ask")
_FORCE = Flag(
    names=("--force",),
    word="force",
    fold=switch,
    arity=0,
    help="copy also what is on the other side already",
)
_LIMIT = Flag(
    names=("-n", "--limit"), word="limit", fold=keep, takes="N", help="how many rows (default 10)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One verb: how many names it takes, what it says of itself, what it does."""

    name: str
    takes: str
    help: str
    run: Callable[..., int]
    least: int = 1
    flags: tuple[Flag, ...] = ()


def run(tokens: Sequence[str], about: str) -> int:
    """The exit code of ``jupyter cloudml data`` with these words; ``about`` says in its help what it is for.

    Raises:
        CloudMLError: the words are wrong, or a store says no.
    """
    if not tokens or tokens[0] in ("-h", "--help", "help"):
        print(_overview(about))
        return OK
    verb = next((verb for verb in VERBS if verb.name == tokens[0]), None)
    if verb is None:
        names = [verb.name for verb in VERBS]
        raise BadInput(f"{_COMMAND} has no verb {tokens[0]!r}", hint=suggestion(tokens[0], names))
    places = [f"name{number}" for number in range(len(tokens))]
    flags = (*verb.flags, JSON_FLAG, HELP_FLAG)
    tokens = [f"./{t}" if _PARTITION.match(t) else t for t in tokens[1:]]
    words = parse_tokens(f"{_COMMAND} {verb.name}", tokens, flags, places)
    if words.pop("help", False):
        print(
            f"usage: {_COMMAND} {verb.name} {verb.takes} [options]\n\n{verb.help}\n\n{help_text(flags)}"
        )
        return OK
    names = [words.pop(place) for place in places if place in words]
    if len(names) < verb.least:
        raise BadInput(f"{_COMMAND} {verb.name} needs {verb.takes}", hint=f"{verb.name} --help")
    return verb.run(names, as_json=bool(words.pop("json", False)), **words)


def _ls(names: Sequence[str], *, as_json: bool, recursive: bool = False) -> int:
    if not names:
        return _stores(as_json)
    shown = (item for name in names for item in _listed(name, recursive))
    if as_json:
        _print_json([item.to_json() for item in shown])
        return OK
    for item in shown:
        info = item.info
        when = f"{info.modified.astimezone():%Y-%m-%d %H:%M}" if info else ""
        print(f"{size(info.size) if info else '-':>9}  {when:16}  {item.shown}")
    return OK


def _listed(name: str, recursive: bool) -> Iterator[Item]:
    for item in matching(name) if is_pattern(name) else [found(name)]:
        if item.info is not None or (is_pattern(name) and not recursive):
            yield item
        elif recursive:
            for info in item.store.walk(item.key):
                yield Item(store=item.store, key=info.key, info=info)
        else:
            yield from below(item.store, item.key)


def _stores(as_json: bool) -> int:
    stores = load_stores(Path.cwd()).stores
    if as_json:
        _print_json([{"name": name, "uri": options.uri} for name, options in stores.items()])
    elif stores:
        print(table(["store", "uri"], [[name, options.uri] for name, options in stores.items()]))
    else:
        print('no stores in cloudml.toml; write [stores.lake] and uri = "s3://bucket/prefix"')
    return OK


def _cp(
    names: Sequence[str],
    *,
    as_json: bool,
    recursive: bool = False,
    yes: bool = False,
    force: bool = False,
) -> int:
    *sources, target = names
    plan = plan_copy(sources, target, recursive=recursive, force=force)
    if plan.replaced and not yes:
        _ask(f"{_objects(plan.replaced)} at {target} would be replaced")
    with Bar(plan.bytes, _objects(len(plan.copies)), is_shown=not as_json) as bar:
        run_copy(plan, bar.add)
    if as_json:
        copied = [
            {"source": c.source.uri, "target": c.uri, "size": c.info.size} for c in plan.copies
        ]
        _print_json({"copied": copied, "there_already": plan.there})
    else:
        there = f", {plan.there} were there already" if plan.there else ""
        print(f"{_objects(len(plan.copies))} copied, {size(plan.bytes)}{there}", file=sys.stderr)
    return OK


def _rm(names: Sequence[str], *, as_json: bool, recursive: bool = False, yes: bool = False) -> int:
    removal = plan_removal(names, recursive=recursive)
    count = len(removal.objects)
    if removal.is_bulk and not yes:
        _ask(f"{_objects(count)} ({size(removal.bytes)}) would be removed: {' '.join(names)}")
    with Bar(count, "removed", in_words=lambda n: f"{n:,.0f}", is_shown=not as_json) as bar:
        gone = run_removal(removal, bar.add)
    if as_json:
        _print_json({"removed": [item.uri for item in removal.objects], "count": gone})
    else:
        print(f"{_objects(gone)} removed", file=sys.stderr)
    return OK


def _cat(names: Sequence[str], *, as_json: bool) -> int:
    items = [i for name in names for i in (matching(name) if is_pattern(name) else [found(name)])]
    if as_json:
        _print_json([_as_text(item) for item in items])
        return OK
    for item in items:
        info = require_object(item, "cat")
        for start in range(0, info.size, _CHUNK):
            data = item.store.read(item.key, start, _CHUNK, if_match=info.etag)
            sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    return OK


def _as_text(item: Item) -> dict[str, Any]:
    data = item.store.read(item.key, if_match=require_object(item, "cat").etag)
    try:
        return {"uri": item.uri, "text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"uri": item.uri, "base64": base64.b64encode(data).decode()}


def _head(names: Sequence[str], *, as_json: bool, limit: str = "10") -> int:
    if not (limit.isascii() and limit.isdecimal()) or not 0 < int(limit) <= MOST_ROWS:
        raise BadInput(f"-n {limit!r} is not a whole number from 1 to {MOST_ROWS}")
    shown = []
    for name in names:
        for item in matching(name) if is_pattern(name) else [found(name)]:
            head = preview(item.store, require_object(item, "head"), int(limit))
            shown.append({"uri": item.uri, **head.to_json()})
            if not as_json:
                print(_in_lines(item, head))
    if as_json:
        _print_json(shown)
    return OK


def _in_lines(item: Item, head: Preview) -> str:
    if head.format == TEXT:
        return head.text
    plural = "" if head.total_rows == 1 else "s"
    total = "" if head.total_rows is None else f", {head.total_rows:,} row{plural}"
    lines = [f"{item.shown}: {head.format}, {size(item.info.size) if item.info else ''}{total}"]
    lines += [f"  {name}: {kind}" for name, kind in head.columns]
    rows = [[_cell(value) for value in row] for row in head.rows]
    return "\n".join([*lines, "", table([name for name, _ in head.columns], rows)])


def _cell(value: Any) -> str:
    text = "" if value is None else str(value).replace("\n", "⏎")
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _ask(what: str) -> None:
    """
    Raises:
        BadInput: nobody can be asked, or the answer is no; nothing has happened.
    """
    if not sys.stdin.isatty():
        raise BadInput(what, hint="--yes does it without asking")
    print(f"{what}; go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise BadInput("nothing was done")


def _objects(count: int) -> str:
    return f"{count:,} object" + ("" if count == 1 else "s")


def _overview(about: str) -> str:
    lines = [f"  {verb.name:<5} {verb.takes:<18} {verb.help}" for verb in VERBS]
    return "\n".join(
        [
            f"usage: {_COMMAND} VERB URI… [options] [--json]",
            "",
            about,
            "",
            *lines,
            "",
            "URIs are s3://, gs://, az://, file:// or paths, with *, ? and ** in quotes; VERB --help shows more",
        ]
    )


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


VERBS: tuple[Verb, ...] = (
    Verb(
        name="ls",
        takes="[URI…]",
        help="list what is there; without a URI the stores of cloudml.toml",
        run=_ls,
        least=0,
        flags=(_RECURSIVE,),
    ),
    Verb(
        name="cp",
        takes="SOURCE… TARGET",
        help="copy objects; a repeated copy moves only what is missing",
        run=_cp,
        least=2,
        flags=(_RECURSIVE, _YES, _FORCE),
    ),
    Verb(name="cat", takes="URI…", help="print objects", run=_cat),
    Verb(
        name="head",
        takes="URI…",
        help="schema and first rows of Parquet, CSV, JSON lines and Arrow",
        run=_head,
        flags=(_LIMIT,),
    ),
    Verb(
        name="rm",
        takes="URI…",
        help="remove objects; asks before it removes a folder or a pattern",
        run=_rm,
        flags=(_RECURSIVE, _YES),
    ),
)
