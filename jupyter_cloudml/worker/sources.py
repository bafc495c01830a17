"""Source lines of code that has no file here, so that tracebacks and ``inspect.getsource`` show them."""

from __future__ import annotations

import inspect
import linecache


def remember_sources(sources: dict[str, str]) -> None:
    """Make the lines of ``{file name: source}`` known to ``linecache``, for the life of this process."""
    for name, source in sources.items():
        lines = [line + "\n" for line in source.splitlines()]
        linecache.cache[name] = (len(source), None, lines, name)


def belongs_to_main(name: str) -> None:
    """Tell ``inspect`` that the code of this file is ``__main__``'s.

    It would look through all modules for every frame of a traceback: in a process with thousands of modules, endless recursion
    took half a minute to draw.
    """
    inspect.modulesbyfile[name] = "__main__"
