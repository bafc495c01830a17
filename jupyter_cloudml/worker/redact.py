"""Secrets never leave the worker in text: every value is replaced by ``***NAME***``."""

from __future__ import annotations

import re
from typing import Any


class Redactor:
    """Replaces the values of secrets in text, also where a value arrives in pieces.

    Values shorter than four characters are left alone: replacing them would destroy ordinary output.
    """

    SHORTEST = 4

    def __init__(self, secrets: dict[str, str]) -> None:
        known = {value: name for name, value in secrets.items() if len(value) >= self.SHORTEST}
        self._names = {**{_escaped(value): name for value, name in known.items()}, **known}
        self._values = sorted(self._names, key=len, reverse=True)
        self.secrets = dict(secrets)
        self._pattern = re.compile("|".join(map(re.escape, self._values))) if known else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def text(self, text: str) -> str:
        """``text`` without any secret."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: f"***{self._names[found[0]]}***", text)

    def tree(self, value: Any) -> Any:
        """A JSON value with every string in it (keys too) redacted; the same object when there are no secrets."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.tree(key): self.tree(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(item) for item in value]
        return value

    def held(self, text: str) -> int:
        """How many characters at the end of ``text`` may be the beginning of a secret (0: none).

        A stream keeps them back until more arrives, so that a secret written in two pieces is still seen whole.
        """
        if self._pattern is None:
            return 0
        longest = min(len(text), len(self._values[0]) - 1)
        for size in range(longest, 0, -1):
            tail = text[-size:]
            if any(len(value) > size and value.startswith(tail) for value in self._values):
                return size
        return 0


def _escaped(value: str) -> str:
    """How ``repr`` of a string or container shows the value (line ends, quotes and backslashes escaped)."""
    return repr(value)[1:-1]
