"""The environment lock of an interpreter: ``name==version`` of every distribution, as ``pip freeze`` would say."""

from __future__ import annotations

import json
import subprocess
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

    def lock(self, python: str) -> str:
        """The lock as text; empty when ``python`` is not on this machine or does not answer.

        Blocks for some 0.2 s the first time, and again after an installation; microseconds otherwise.
        """
        entry = self._entries.get(python)
        if entry is None or entry.changed_at != _change_times(list(entry.changed_at)):
            entry = _compute(python)
            if entry is None:
                return ""
            self._entries[python] = entry
        return entry.text


def _compute(python: str) -> _Entry | None:
    if not python or not Path(python).exists():
        return None
    try:
        done = subprocess.run(
            [python, "-c", _SCRIPT],
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
        )
        lines, folders = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return _Entry("\n".join(lines) + "\n", _change_times(folders))


def _change_times(folders: list[str]) -> dict[str, float]:
    return {folder: _change_time(folder) for folder in folders}


def _change_time(folder: str) -> float:
    try:
        return Path(folder).stat().st_mtime
    except OSError:
        return 0.0
