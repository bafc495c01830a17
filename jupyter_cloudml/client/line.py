"""A line of text after a command: what a flag is, how flags and words are read from a line, and how their help looks."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import BadInput
from .options import suggestion

Fold = Callable[[Any, list[str], str], Any]
MANY = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag: how it is spelt, what it takes, and the word of `SubmitOptions` that it sets.

    ``arity`` is the number of tokens that it takes, `MANY` for all up to the next flag. ``completes`` says what Tab
    offers for its value: ``target``, ``job``, ``variable``, ``secret``, ``file``, ``uri``, ``engine`` or nothing.
    """

    names: tuple[str, ...]
    word: str
    fold: Fold
    arity: int = 1
    takes: str = ""
    help: str = ""
    completes: str = ""


_ONCE = ("--source", "--data")
"""A name of these means one thing; of other flags the last one counts."""


def keep(_: Any, tokens: list[str], __: str) -> str:
    return tokens[0]


def switch(_: Any, __: list[str], ___: str) -> bool:
    return True


def names(earlier: Any, tokens: list[str], _: str) -> tuple[str, ...]:
    return (*(earlier or ()), *(part.strip() for part in tokens[0].split(",") if part.strip()))


def pairs(earlier: Any, tokens: list[str], flag: str) -> dict[str, str]:
    found = dict(earlier or {})
    for token in tokens:
        key, sign, value = token.partition("=")
        if not sign or not key:
            raise BadInput(f"{flag} {token!r} is not of the form name=value")
        if flag in _ONCE and found.get(key, value) != value:
            raise BadInput(f"{flag} {token!r}: {key} is {found[key]!r} already", hint="rename one")
        found[key] = value
    return found


def sink(earlier: Any, tokens: list[str], flag: str) -> dict[str, str]:
    """``URI`` or ``name=URI``; the one without a name is under the empty name."""
    found = dict(earlier or {})
    named = re.match(r"([A-Za-z_]\w*)=(.*)", tokens[0], re.DOTALL)
    name, uri = (named[1], named[2]) if named else ("", tokens[0])
    if name in found:
        raise BadInput(
            f"{flag} {tokens[0]!r}: there is one already", hint="name them: --sink train=URI"
        )
    return {**found, name: uri}


def parameter(earlier: Any, tokens: list[str], flag: str) -> dict[str, Any]:
    name, text = tokens
    if not name.isidentifier():
        raise BadInput(f"{flag} {name!r} is not a name", hint="write -p lr 0.1")
    return {**(earlier or {}), name: literal(text)}


def literal(text: str) -> Any:
    """A Python literal where the text is one (``0.1``, ``True``, ``[1, 2]``), else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {"true": True, "false": False, "null": None}.get(text, text)


def parse_line(
    command: str, line: str, flags: Sequence[Flag], positional: Sequence[str] = ()
) -> dict[str, Any]:
    """The words that ``line`` gives; words that it does not give are absent.

    Raises:
        BadInput: an unknown flag (with the nearest one), a missing value, an open quote, one word too many.
    """
    try:
        tokens = shlex.split(line)
    except ValueError as exc:
        raise BadInput(f"{command}: {str(exc).lower()}", hint="close the quote") from exc
    return parse_tokens(command, tokens, flags, positional)


def parse_tokens(
    command: str, tokens: Sequence[str], flags: Sequence[Flag], positional: Sequence[str] = ()
) -> dict[str, Any]:
    """`parse_line` for words that are split already (a shell's argv)."""
    by_name = {name: flag for flag in flags for name in flag.names}
    found: dict[str, Any] = {}
    free = list(positional)
    rest = list(tokens)
    last: Flag | None = None
    while rest:
        token = rest.pop(0)
        if not _is_flag(token):
            _refuse_stray_pair(command, token, last, free)
            if not free:
                raise BadInput(
                    f"{command} does not know what to do with {token!r}", hint=_usage(command)
                )
            found[free.pop(0)] = token
            continue
        name, sign, value = token.partition("=") if token.startswith("--") else (token, "", "")
        flag = by_name.get(name)
        if flag is None:
            raise BadInput(f"{command} has no option {name}", hint=suggestion(name, list(by_name)))
        if sign:
            if flag.arity == 0:
                raise BadInput(f"{command}: {name} takes no value")
            rest.insert(0, value)
        taken = _take(command, name, flag, rest)
        last = flag
        found[flag.word] = flag.fold(found.get(flag.word), taken, name)
    return found


def _refuse_stray_pair(command: str, token: str, last: Flag | None, free: Sequence[str]) -> None:
    """``--env K=1 J=2``: the second pair would be taken for the job's name, without a word."""
    if not re.match(r"[A-Za-z_]\w*=", token) or free[:1] == ["text"]:
        return
    of_pairs = last is not None and last.fold is pairs
    flag = last.names[0] if last is not None and of_pairs else "--env"
    raise BadInput(
        f"{command} does not know what to do with {token!r}",
        hint=f"write {flag} before each pair: {flag} {token}"
        if of_pairs
        else f"a pair needs its flag: {flag} {token}, or -p {token.replace('=', ' ', 1)}",
    )


def _take(command: str, name: str, flag: Flag, rest: list[str]) -> list[str]:
    if flag.arity == MANY:
        taken = []
        while rest and not _is_flag(rest[0]):
            taken.append(rest.pop(0))
    else:
        taken = [rest.pop(0) for _ in range(min(flag.arity, len(rest)))]
    if len(taken) < abs(flag.arity) or (flag.arity == 1 and _is_flag(taken[0])):
        raise BadInput(
            f"{command}: {name} needs {flag.takes or 'a value'}", hint=f"write {name} {flag.takes}"
        )
    return taken


def _is_flag(token: str) -> bool:
    return token.startswith("-") and len(token) > 1 and not token[1].isdigit() and token[1] != "."


def _usage(command: str) -> str:
    return (
        f"{command}? shows the options"
        if command.startswith("%")
        else f"{command} --help shows the options"
    )


def help_text(flags: Sequence[Flag]) -> str:
    """The table of flags, one a line, aligned."""
    rows = [
        (", ".join(flag.names) + (f" {flag.takes}" if flag.takes else ""), flag.help)
        for flag in flags
    ]
    width = max(len(left) for left, _ in rows)
    return "\n".join(f"  {left:<{width}}  {right}" for left, right in rows)
