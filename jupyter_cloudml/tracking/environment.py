"""The environment lock of an interpreter: ``name==version`` of every distribution, as ``pip freeze`` would say."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT_S = 30.0

_SCRIPT = """
import json, sys
from importlib.metadata import distributions
lines, folders = {}, {p for p in sys.path if p}
for dist in distributions():
    name, version = dist.metadata["Name"], dist.version
    if name and version:
        line = f"{name}=={version}"
        try:
            direct = json.loads(dist.read_text("direct_url.json") or "{}")
        except ValueError:
            direct = {}
        commit = direct.get("vcs_info", {}).get("commit_id")
        if commit:
            line = f"{name} @ {direct['vcs_info']['vcs']}+{direct['url']}@{commit}"
        elif direct.get("dir_info", {}).get("editable"):
            line = f"-e {direct['url']}  # {name}=={version}"
        lines.setdefault(name.lower(), line)
head = f"# Python {sys.version.split()[0]} on {sys.platform}"
print(json.dumps([[head, *(lines[k] for k in sorted(lines))], sorted(folders)]))
"""


@dataclass(frozen=True, slots=True)
class _Entry:
    text: str
    changed_at: dict[str, float]


class EnvironmentLocks:
    """Locks by interpreter, computed in a process of that interpreter and kept while its folders do not change."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._questions: dict[str, _Question] = {}

    def lock(self, python: str) -> str | None:
        """The lock as text; empty when ``python`` is not on this machine or does not answer; None while it is asked.

        Never blocks: asking takes some 0.3 s, the first time and after an installation; ask again.
        """
        entry = self._entries.get(python)
        if entry is not None and entry.changed_at == _change_times(list(entry.changed_at)):
            return entry.text
        if python not in self._questions:
            if not python or not Path(python).exists():
                return ""
            self._questions[python] = _Question(python)
        return self._take(python, self._questions[python].answer())

    def wait(self, python: str) -> str:
        """The lock, however long it takes (30 s at most)."""
        text = self.lock(python)
        if text is None:
            text = self._take(python, self._questions[python].answer(_TIMEOUT_S))
        return text or ""

    def close(self) -> None:
        """Ask no further: end what is being asked."""
        for question in self._questions.values():
            question.end()
        self._questions.clear()

    def _take(self, python: str, entry: _Entry | None) -> str | None:
        if entry is None:
            return None
        del self._questions[python]
        self._entries[python] = entry
        return entry.text


class _Question:
    """A process that tells what is installed."""

    def __init__(self, python: str) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 closed by answer
        self._deadline = time.monotonic() + _TIMEOUT_S
        self._process: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [python, "-c", _SCRIPT],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.DEVNULL,
                cwd="/",
            )

    def answer(self, timeout_s: float = 0.0) -> _Entry | None:
        """What it said; an empty lock when it failed; None when it has not ended within ``timeout_s``."""
        if self._process is not None:
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                if time.monotonic() < self._deadline:
                    return None
                self.end()
                return _Entry("", {})
        with self._output as output:
            output.seek(0)
            try:
                lines, folders = json.loads(output.read())
            except ValueError:
                return _Entry("", {})
        return _Entry("\n".join(lines) + "\n", _change_times(folders))

    def end(self) -> None:
        """Stop asking."""
        self._output.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _change_times(folders: list[str]) -> dict[str, float]:
    return {folder: _change_time(folder) for folder in folders}


def _change_time(folder: str) -> float:
    try:
        return Path(folder).stat().st_mtime
    except OSError:
        return 0.0
