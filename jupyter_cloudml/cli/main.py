"""``jupyter cloudml VERB``: parse, one call of the client, print. Exit codes are stable.

==== ================================================================================
code meaning
==== ================================================================================
0    done; the job that was waited for succeeded
1    the job failed, was cancelled or lost; ``doctor`` found something broken
2    the words are wrong, or there is no such job
3    something does not answer (agent, disk, tracking server): the same call may succeed later
130  interrupted
==== ================================================================================
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..client.flags import (
    FOLLOW_FLAGS,
    HELP_FLAG,
    JSON_FLAG,
    LIST_FLAGS,
    PRUNE_FLAGS,
    PULL_FLAGS,
    RUN_FLAGS,
    UI_FLAGS,
)
from ..client.line import Flag, help_text, parse_tokens
from ..client.options import suggestion
from ..core.errors import BadInput, CloudMLError, NotFound, Unavailable

OK, FAILED, BAD_INPUT, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One verb: its words, what it says of itself, and the function of `verbs` (by name) that does it."""

    name: str
    help: str
    flags: tuple[Flag, ...] = ()
    positional: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


_JOB = ("job",)

VERBS: tuple[Verb, ...] = (
    Verb(name="jobs", help="list jobs, newest first", flags=LIST_FLAGS, positional=("text",)),
    Verb(
        name="logs",
        help="print what a job printed",
        flags=FOLLOW_FLAGS,
        positional=_JOB,
        required=_JOB,
    ),
    Verb(name="attach", help="follow a job to its end", positional=_JOB, required=_JOB),
    Verb(
        name="pull",
        help="write what a job brought home to a file (pickle), or show it",
        flags=PULL_FLAGS,
        positional=_JOB,
        required=_JOB,
    ),
    Verb(name="cancel", help="ask a job to stop", positional=_JOB, required=_JOB),
    Verb(name="retry", help="start a job that has ended once more", positional=_JOB, required=_JOB),
    Verb(
        name="run",
        help="run a script, a notebook or a line of code",
        flags=RUN_FLAGS,
        positional=("file",),
    ),
    Verb(name="targets", help="list the targets"),
    Verb(name="data", help="data ls | cp | cat | head | rm: data in any store"),
    Verb(name="doctor", help="check everything that a job needs, and say the way out"),
    Verb(name="prune", help="remove old job folders", flags=PRUNE_FLAGS),
    Verb(name="ui", help="open MLflow's own pages on the runs of your jobs", flags=UI_FLAGS),
    Verb(
        name="agent", help="agent status | agent stop", positional=("action",), required=("action",)
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Never shows a traceback for a user's mistake."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in tokens[: tokens.index("--") if "--" in tokens else None]
    try:
        return _run(tokens)
    except CloudMLError as exc:
        _show_error(exc, as_json)
        return _code(exc)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK


def _run(tokens: list[str]) -> int:
    if not tokens or tokens[0] in ("-h", "--help", "help"):
        print(_overview())
        return OK if tokens else BAD_INPUT
    verb = next((verb for verb in VERBS if verb.name == tokens[0]), None)
    if verb is None:
        names = [verb.name for verb in VERBS]
        raise BadInput(
            f"jupyter cloudml has no verb {tokens[0]!r}", hint=suggestion(tokens[0], names)
        )
    if verb.name == "data":
        from . import data

        return data.run(tokens[1:], verb.help)
    own, rest = _split(tokens[1:])
    words = parse_tokens(
        f"jupyter cloudml {verb.name}", own, (*verb.flags, JSON_FLAG, HELP_FLAG), verb.positional
    )
    if words.pop("help", False):
        print(_help(verb))
        return OK
    for name in verb.required:
        if name not in words:
            raise BadInput(
                f"jupyter cloudml {verb.name} needs a {name}",
                hint="jupyter cloudml jobs lists them",
            )
    if verb.name == "run":
        words["arguments"] = rest
    from . import verbs

    function: Callable[..., int] = getattr(verbs, verb.name)
    return function(as_json=bool(words.pop("json", False)), **words)


def _split(tokens: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in tokens:
        return tokens, []
    at = tokens.index("--")
    return tokens[:at], tokens[at + 1 :]


def _overview() -> str:
    lines = [f"  {verb.name:<9} {verb.help}" for verb in VERBS]
    return "\n".join(
        [
            "usage: jupyter cloudml VERB [options] [--json]",
            "",
            *lines,
            "",
            "jupyter cloudml VERB --help shows more",
        ]
    )


def _help(verb: Verb) -> str:
    usage = " ".join(
        ["usage: jupyter cloudml", verb.name, *(f"[{word.upper()}]" for word in verb.positional)]
    )
    return f"{usage} [options]\n\n{verb.help}\n\n{help_text((*verb.flags, JSON_FLAG))}"


def _show_error(error: CloudMLError, as_json: bool) -> None:
    if as_json:
        value: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint}
        print(json.dumps({"error": value}))
    else:
        print(f"jupyter cloudml: {error}", file=sys.stderr)


def _code(error: CloudMLError) -> int:
    if isinstance(error, BadInput | NotFound):
        return BAD_INPUT
    return UNAVAILABLE if isinstance(error, Unavailable) else FAILED


if __name__ == "__main__":
    sys.exit(main())
