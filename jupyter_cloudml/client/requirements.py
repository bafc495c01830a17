"""A requirements file as it travels: one text that says all, and the same anywhere (pip's ``-r`` format)."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from ..core.errors import BadInput

_NESTED = re.compile(r"(?:-r|--requirement)[\s=]+(\S+)$")
_REFUSED = re.compile(r"(-c|--constraint|-e|--editable)\b")
_FOLDER_OPTION = re.compile(r"(-f|--find-links)[\s=]+(\S+)$")
_PASSWORD = re.compile(r"://[^/\s@]*:(?!\$\{)[^/\s@]+@")
_INSTEAD = {
    "-c": "write the versions into the requirements themselves",
    "-e": "modules beside the notebook travel by themselves; build a wheel of the others",
}


def requirements_text(path: str) -> str:
    """What the file asks for, files that it includes written out, paths absolute, local wheels with their hash.

    Empty without a file.

    Raises:
        BadInput: a file cannot be read, or a line would not mean the same elsewhere; the message quotes it.
    """
    return "\n".join(_lines(Path(path).expanduser().absolute(), ())) if path else ""


def _lines(path: Path, above: tuple[Path, ...]) -> list[str]:
    if path in above:
        raise BadInput(f"-r {str(path)!r} includes itself")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise BadInput(f"-r {str(path)!r} cannot be read: {why}") from exc
    found: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        if nested := _NESTED.match(line):
            found += _lines((path.parent / nested[1]).absolute(), (*above, path))
        elif line:
            found.append(_line(line, path))
    return found


def _line(line: str, path: Path) -> str:
    if refused := _REFUSED.match(line):
        flag = f"-{refused[1].lstrip('-')[0]}"
        raise BadInput(f"-r {path.name}: {line!r} cannot travel", hint=_INSTEAD[flag])
    if _PASSWORD.search(line):
        raise BadInput(
            f"-r {path.name}: a line holds a password, and would be written to disk",
            hint="write ${NAME} in its place and set NAME in the environment, or use PIP_INDEX_URL",
        )
    if option := _FOLDER_OPTION.match(line):
        local = path.parent / option[2]
        return f"{option[1]} {local.absolute()}" if local.exists() else line
    return _local(line, path)


def _local(line: str, path: Path) -> str:
    """A requirement that is a file of this machine, absolute; its content's hash, as a comment, makes another text of it."""
    name = line.partition(";")[0].strip()
    is_path = name.startswith(("./", "../", "/", "~")) or name.endswith((".whl", ".tar.gz", ".zip"))
    local = path.parent / Path(name).expanduser()
    if not is_path or "://" in name or " @ " in name:
        return line
    if local.is_dir():
        raise BadInput(f"-r {path.name}: {name!r} is a folder", hint=_INSTEAD["-e"])
    if not local.is_file():
        raise BadInput(f"-r {path.name}: there is no file {name!r}")
    digest = hashlib.sha256(local.read_bytes()).hexdigest()
    return f"{local.absolute()}{line[len(name) :]}  # sha256:{digest}"
