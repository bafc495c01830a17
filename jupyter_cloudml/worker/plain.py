"""Where IPython is missing: Python's own interpreter runs the cell. Same interface as ``shell.Shell``.

It gives streams, the last expression, ``display``, top-level ``await`` and tracebacks. Magics and ``!commands`` are syntax
errors that say what is missing.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import sys
from types import CodeType, ModuleType
from typing import Any, Protocol

from .failure import plain_output
from .keep import KeepLast
from .outcome import CellRun
from .sources import remember_sources

_MIMETYPES = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_latex_": "text/latex",
    "_repr_json_": "application/json",
}
_HINT = "magics and !commands need IPython, which is not installed where this job ran"


class _Outlet(Protocol):
    def output(self, output: dict[str, Any]) -> None: ...


class PlainShell:
    """A namespace that is ``__main__``, and one cell to run in it."""

    def __init__(self) -> None:
        self._module = ModuleType("__main__")
        self._module.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = self._module
        self._outlet: _Outlet | None = None
        self._count = 1
        self._cells: dict[str, int] = {}

    @property
    def namespace(self) -> dict[str, Any]:
        return self._module.__dict__

    @property
    def hidden(self) -> frozenset[str]:
        return frozenset({"In", "Out", "_oh", "_ih", "_dh"})

    def configure(self, outlet: _Outlet, *, execution_count: int, ambient: dict[str, Any]) -> None:
        self._outlet, self._count = outlet, execution_count
        history = list(ambient.get("history", []))[:execution_count]
        self.namespace.update(In=history, Out={}, _="", __="", ___="")
        for name, (count, source) in ambient.get("cells", {}).items():
            self._cells[name] = count
            remember_sources({name: source})
        builtins.display = self._display  # type: ignore[attr-defined]

    def adopt_values(self) -> None:
        """Nothing: values are where names are."""

    def own_names(self) -> frozenset[str]:
        return frozenset({"_", "__", "___"})

    def rehearse(self) -> None:
        """Nothing: what runs here was not forked ahead of need."""

    def run(self, source: str, *, cell_id: str = "", keep: str = "") -> CellRun:
        del cell_id
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(self._run(source, keep))
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    async def _run(self, source: str, keep: str = "") -> CellRun:
        name = f"<cell {self._count}>"
        self._cells[name] = self._count
        remember_sources({name: source})
        try:
            body, last = _compiled(source, name, keep)
        except SyntaxError as exc:
            return self._failed(_explained(exc.with_traceback(None)))
        try:
            await self._step(body)
            value = await self._step(last) if last is not None else None
            if value is not None and not source.rstrip().endswith(";"):
                self._result(value)
                return CellRun(has_displayed=True, displayed=value)
        except BaseException as exc:  # noqa: BLE001 - whatever ends the cell is the cell's outcome
            return self._failed(exc)
        finally:
            await _others()
        return CellRun()

    async def _step(self, code: CodeType) -> Any:
        value = eval(code, self.namespace)  # noqa: S307 - running the user's cell is what this is for
        return await value if code.co_flags & inspect.CO_COROUTINE else value

    def _failed(self, error: BaseException) -> CellRun:
        output = plain_output(error, self._cells)
        self._send(output)
        return CellRun(error=error, is_failed=True, traceback=tuple(output["traceback"]))

    def _result(self, value: Any) -> None:
        data, metadata = _bundle(value)
        self._send(
            {
                "output_type": "execute_result",
                "execution_count": self._count,
                "data": data,
                "metadata": metadata,
            }
        )
        self.namespace["Out"][self._count] = value
        self.namespace.update({"_": value, f"_{self._count}": value})

    def _display(self, *values: Any, **_options: Any) -> None:
        for value in values:
            data, metadata = _bundle(value)
            self._send({"output_type": "display_data", "data": data, "metadata": metadata})

    def _send(self, output: dict[str, Any]) -> None:
        if self._outlet is not None:
            self._outlet.output(output)


def _compiled(source: str, name: str, keep: str = "") -> tuple[CodeType, CodeType | None]:
    """The statements of a cell, and its last expression where it ends with one."""
    tree = ast.parse(source, name)
    if keep:
        tree = KeepLast(keep).visit(tree)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    body = compile(tree, name, "exec", flags)
    return body, None if last is None else compile(last, name, "eval", flags)


def _explained(error: SyntaxError) -> SyntaxError:
    if (error.text or "").lstrip().startswith(("%", "!")):
        error.msg = f"{error.msg} ({_HINT})"
    return error


async def _others() -> None:
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


def _bundle(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The MIME bundle of a value by the ``_repr_*_`` protocol of IPython."""
    from .mime import clean

    data: dict[str, Any] = {"text/plain": repr(value)}
    for method, mimetype in _MIMETYPES.items():
        made = getattr(value, method, None) if not isinstance(value, type) else None
        shown = made() if callable(made) else None
        if isinstance(shown, tuple):
            shown = shown[0]
        if shown is not None:
            data[mimetype] = clean(shown)
    return data, {}
