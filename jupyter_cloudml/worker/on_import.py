"""Do something right after a package was imported, and nothing at all when it never is."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Callback = Callable[[ModuleType], None]


def when_imported(name: str, callback: Callback) -> None:
    """Call ``callback(module)`` now if the package is imported already, else once, right after its import."""
    module = sys.modules.get(name)
    if module is not None:
        callback(module)
        return
    finder = next((item for item in sys.meta_path if isinstance(item, _Finder)), None)
    if finder is None:
        finder = _Finder()
        sys.meta_path.insert(0, finder)
    finder.waiting.setdefault(name, []).append(callback)


def forget() -> None:
    """Wait for no import any more."""
    sys.meta_path[:] = [item for item in sys.meta_path if not isinstance(item, _Finder)]


class _Finder(MetaPathFinder):
    """Finds nothing itself: it lets the others find the package, and wraps the loader that they name."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Callback]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        callbacks = self.waiting.pop(fullname, None)
        if not callbacks:
            return None
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            self.waiting[fullname] = callbacks
            return None
        spec.loader = _Loader(spec.loader, callbacks)
        return spec


class _Loader(Loader):
    """The real loader, with calls at the end; it steps aside before the module sees it."""

    def __init__(self, real: Any, callbacks: list[Callback]) -> None:
        self._real = real
        self._callbacks = callbacks

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._real
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        self._real.exec_module(module)
        for callback in self._callbacks:
            callback(module)
