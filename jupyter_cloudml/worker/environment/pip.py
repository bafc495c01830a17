"""pip, and what it says: the one file that talks to it, and the pure readers of its words."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ...core.errors import CannotInstall, NotInstalled

TAIL = 15
_STOP_S = 5.0
_UNWANTED = (
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_PYTHON",
    "PYTHONHOME",
    "FORCE_COLOR",
    "CLICOLOR_FORCE",
)
"""Settings that would install somewhere else, or colour what is read here."""
_UV_NAMES = {"PIP_INDEX_URL": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"), "PIP_EXTRA_INDEX_URL": ("UV_EXTRA_INDEX_URL",)}  # fmt: skip
_WAY_OUT = "correct that line of the requirements file, or install it in the kernel's environment"
_OFFLINE = re.compile(
    r"NewConnectionError|Name or service not known|name resolution|ConnectTimeout|ProxyError|Network is unreachable"
    r"|Retrying \(|RemoteDisconnected|Read ?[Tt]imed? ?out"
)
_STEPS = re.compile(r"(Downloading|Collecting|Building wheel|Installing collected packages)\b.*")


def install(
    wish: Path,
    python: Path,
    base_python: str,
    environ: Mapping[str, str],
    say: Callable[[str], None],
    clean: Callable[[str], str],
) -> str:
    """Install the requirements file ``wish`` into the environment of ``python``; what is new, in pip's words.

    pip's own output goes to standard output (the job's ``worker.log``) as it comes, each line through ``clean``, which
    takes secrets out. Whatever ends this call early ends
    pip too.

    Raises:
        CannotInstall: pip refuses.
        NotInstalled: there is no pip, and none can be had.
    """
    environ = environment_of_pip(environ)
    pip = _pip_for(python, base_python, environ)
    argv = [*pip, "install", "--no-input", "--no-user", "--progress-bar", "off"]
    argv += ["--disable-pip-version-check", "--no-color", "-r", str(wish)]
    code, lines = _run(argv, environ, say, clean)
    if code != 0:
        raise CannotInstall(
            "\n".join([f"-r: {what_failed(lines)}", *list(lines)[-TAIL:]]), hint=_WAY_OUT
        )
    return what_is_new(lines)


def environment_of_pip(environ: Mapping[str, str]) -> dict[str, str]:
    """The user's environment with what makes pip install elsewhere left out, and uv's indexes where pip has none."""
    kept = {name: value for name, value in environ.items() if name not in _UNWANTED}
    for name, others in _UV_NAMES.items():
        said = next((environ[other] for other in others if environ.get(other)), "")
        if said and name not in kept:
            kept[name] = said
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"}


def what_failed(lines: Iterable[str]) -> str:
    """One sentence for pip's failure, with the requirement in it. Pure."""
    text = "\n".join(lines)
    if _OFFLINE.search(text):
        return "the package index does not answer (see PIP_INDEX_URL and the proxy)"
    if "No space left on device" in text:
        return "the disk is full"
    for pattern, sentence in (
        (r"No matching distribution found for ([^\n]+)", "{} is in no index that pip was given"),
        (r"Could not find a version that satisfies the requirement (\S+)", "there is no {}"),
        (r"Invalid requirement: ([^\n]+)", "{} is not a requirement"),
        (r"Could not open requirements file:[^']*'([^']+)'", "{!r} cannot be read"),
        (r"Cannot install ([^\n]+?) because these", "{} contradict each other"),
        (r"(?:Failed building wheel for|Failed to build) '?([\w.-]+)", "{} cannot be built here"),
    ):
        if found := re.search(pattern, text):
            return sentence.format(found[1].strip().rstrip("."))
    said = [
        line
        for line in text.splitlines()
        if line.strip() and not line.startswith(("Looking in", "WARNING"))
    ]
    errors = [line for line in said if line.startswith("ERROR:")]
    return (
        f"pip failed: {(errors or said or ['it said nothing'])[-1].removeprefix('ERROR:').strip()}"
    )


def what_is_new(lines: Iterable[str]) -> str:
    """``name-version`` of all that was installed; empty when everything was there already. Pure."""
    found = (line.partition("Successfully installed ")[2] for line in lines)
    return next(filter(None, found), "").strip()


def masked(line: str) -> str:
    """``line`` without the user and password of a URL."""
    return re.sub(r"//[^/@\s]+@", "//***@", line)


def _pip_for(python: Path, base_python: str, environ: Mapping[str, str]) -> list[str]:
    """How to call pip for the environment: the base's own, which it sees, else one that is put into it."""
    inside = [str(python), "-m", "pip"]
    if importlib.util.find_spec("pip") is not None:
        return inside
    if _run([*inside[:2], "ensurepip", "--default-pip"], environ)[0] == 0:
        return inside
    uv = shutil.which("uv", path=environ.get("PATH"))
    if uv and _run([uv, "pip", "install", "--python", str(python), "pip"], environ)[0] == 0:
        return inside
    raise NotInstalled(
        f"-r: {base_python!r} has no pip", hint=f"{base_python} -m ensurepip, or put uv on the PATH"
    )


def _run(
    argv: list[str],
    environ: Mapping[str, str],
    say: Callable[[str], None] = lambda _: None,
    clean: Callable[[str], str] = lambda line: line,
) -> tuple[int, deque[str]]:
    """The exit code and the last lines; the process is gone when this returns or raises."""
    lines: deque[str] = deque(maxlen=400)
    sys.stdout.flush()
    with subprocess.Popen(
        argv,
        env=dict(environ),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                line = clean(masked(line.rstrip()))
                lines.append(line)
                os.write(1, f"{line}\n".encode())
                if _STEPS.fullmatch(line.strip()):
                    say(line.strip())
            return process.wait(), lines
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
