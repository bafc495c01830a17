"""The flags of a job on a line of text: ``--gpus A100:4 -p lr 0.1``. One table feeds parsing, help and completion."""

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
    offers for its value: ``target``, ``job``, ``variable``, ``secret``, ``file`` or nothing.
    """

    names: tuple[str, ...]
    word: str
    fold: Fold
    arity: int = 1
    takes: str = ""
    help: str = ""
    completes: str = ""


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
        found[key] = value
    return found


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


JOB_FLAGS: tuple[Flag, ...] = (
    Flag(
        names=("--on",),
        word="on",
        fold=keep,
        takes="kind[:name]",
        completes="target",
        help="where to run",
    ),
    Flag(
        names=("--gpus",),
        word="gpus",
        fold=keep,
        takes="[TYPE:]N",
        help="GPUs per node: 2, or A100:4",
    ),
    Flag(names=("--cpus",), word="cpus", fold=keep, takes="N", help="CPU cores per node"),
    Flag(
        names=("--memory",),
        word="memory",
        fold=keep,
        takes="16G",
        help="main memory per node; a job that uses more is ended",
    ),
    Flag(names=("--num-nodes",), word="num_nodes", fold=keep, takes="N", help="number of nodes"),
    Flag(
        names=("--nproc-per-node",),
        word="nproc_per_node",
        fold=keep,
        takes="N",
        help="processes per node",
    ),
    Flag(
        names=("-i", "--inputs"),
        word="inputs",
        fold=names,
        takes="a,b",
        completes="variable",
        help="send only these data names; functions, classes and modules still travel",
    ),
    Flag(
        names=("-o", "--outputs"),
        word="outputs",
        fold=names,
        takes="x,y",
        completes="variable",
        help="bring home only these names",
    ),
    Flag(
        names=("--no-return",), word="no_return", fold=switch, arity=0, help="bring no value home"
    ),
    Flag(
        names=("-p", "--param"),
        word="params",
        fold=parameter,
        arity=2,
        takes="name value",
        help="bind a parameter in the cell and record it",
    ),
    Flag(
        names=("-f", "--params-file"),
        word="params_file",
        fold=keep,
        takes="params.yaml",
        completes="file",
        help="parameters from a YAML file",
    ),
    Flag(
        names=("--data",),
        word="data",
        fold=pairs,
        arity=MANY,
        takes="name=URI ...",
        help="a file or directory; in the cell cloudml.data[name] is its path",
    ),
    Flag(
        names=("-r", "--requirements"),
        word="requirements",
        fold=keep,
        takes="requirements.txt",
        completes="file",
        help="packages that the job gets on top of the kernel's; made once, then kept",
    ),
    Flag(
        names=("--env",),
        word="env",
        fold=pairs,
        takes="K=V",
        help="an environment variable of the job",
    ),
    Flag(
        names=("--secret",),
        word="secrets",
        fold=names,
        takes="NAME",
        completes="secret",
        help="an environment variable of this kernel, passed on but never written down",
    ),
    Flag(
        names=("--experiment",), word="experiment", fold=keep, takes="E", help="MLflow experiment"
    ),
    Flag(
        names=("--run-name",), word="run_name", fold=keep, takes="R", help="name of the MLflow run"
    ),
    Flag(names=("--tag",), word="tags", fold=pairs, takes="k=v", help="a tag of the MLflow run"),
    Flag(names=("--detach",), word="detach", fold=switch, arity=0, help="return a Job at once"),
    Flag(
        names=("--retries",),
        word="retries",
        fold=keep,
        takes="N",
        help="start again after a failure",
    ),
    Flag(
        names=("--max-runtime",),
        word="max_runtime",
        fold=keep,
        takes="4h",
        help="stop the job after this time",
    ),
    Flag(
        names=("--checkpoint",),
        word="checkpoint",
        fold=keep,
        takes="URI",
        help="a directory for checkpoints that outlives the job; the next job with it goes on",
    ),
    Flag(
        names=("--resume",),
        word="resume",
        fold=keep,
        takes="JOB",
        completes="job",
        help="start from the newest checkpoint of that job (its id or name)",
    ),
    Flag(
        names=("--dry-run",),
        word="dry_run",
        fold=switch,
        arity=0,
        help="report what would travel; start nothing",
    ),
    Flag(
        names=("--autolog",),
        word="autolog",
        fold=switch,
        arity=0,
        help="turn MLflow autologging on in the cell",
    ),
)


LIST_FLAGS = (
    Flag(
        names=("--state",), word="state", fold=keep, takes="STATE", help="only jobs in this state"
    ),
    Flag(
        names=("--on",),
        word="on",
        fold=keep,
        takes="kind[:name]",
        completes="target",
        help="only this target",
    ),
    Flag(
        names=("--experiment",),
        word="experiment",
        fold=keep,
        takes="E",
        help="only this experiment",
    ),
    Flag(names=("-n", "--limit"), word="limit", fold=keep, takes="N", help="how many (default 20)"),
)
FOLLOW_FLAGS = (
    Flag(
        names=("-f", "--follow"),
        word="follow",
        fold=switch,
        arity=0,
        help="go on until the job ends",
    ),
)
OUTPUT_FLAGS = tuple(flag for flag in JOB_FLAGS if flag.word == "outputs")
CONFIG_WORDS = frozenset(
    {
        "on",
        "gpus",
        "cpus",
        "memory",
        "num_nodes",
        "nproc_per_node",
        "requirements",
        "env",
        "secrets",
        "experiment",
        "tags",
        "retries",
        "max_runtime",
        "checkpoint",
        "autolog",
        "detach",
    }
)
"""What `%cloudconfig` may set for every job of a notebook."""
CONFIG_FLAGS = (
    *(flag for flag in JOB_FLAGS if flag.word in CONFIG_WORDS),
    Flag(
        names=("--batch",), word="batch", fold=switch, arity=0, help="one interrupt cancels the job"
    ),
    Flag(
        names=("--no-batch",),
        word="no_batch",
        fold=switch,
        arity=0,
        help="the first interrupt detaches",
    ),
    Flag(names=("--reset",), word="reset", fold=switch, arity=0, help="forget what was set here"),
)
RUN_FLAGS = (
    Flag(names=("-c", "--code"), word="code", fold=keep, takes="CODE", help="run this text"),
    Flag(
        names=("--output",),
        word="output",
        fold=keep,
        takes="OUT.ipynb",
        help="where an executed notebook goes",
    ),
    *(flag for flag in JOB_FLAGS if flag.word not in ("inputs", "outputs", "no_return", "dry_run")),
    Flag(names=("--name",), word="name", fold=keep, takes="NAME", help="name of the job"),
)
PULL_FLAGS = (
    *OUTPUT_FLAGS,
    Flag(names=("--to",), word="to", fold=keep, takes="FILE.pkl", help="write the values there"),
)
PRUNE_FLAGS = (
    Flag(
        names=("--older-than",),
        word="older_than",
        fold=keep,
        takes="30d",
        help="jobs that ended so long ago",
    ),
    Flag(
        names=("--max-size",),
        word="max_size",
        fold=keep,
        takes="10G",
        help="the oldest, until all take this",
    ),
    Flag(names=("--dry-run",), word="dry_run", fold=switch, arity=0, help="only say what would go"),
)
UI_FLAGS = (Flag(names=("--port",), word="port", fold=keep, takes="PORT", help="default 5000"),)
JSON_FLAG = Flag(names=("--json",), word="json", fold=switch, arity=0, help="print JSON")
HELP_FLAG = Flag(names=("-h", "--help"), word="help", fold=switch, arity=0, help="show this")


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
