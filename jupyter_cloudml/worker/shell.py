"""The IPython shell of the far end: a cell runs in it as ``ipykernel`` 7 runs it.

Mirrors ``ipykernel.ipkernel.IPythonKernel.do_execute``, ``ipykernel.zmqshell`` and ``ipykernel.compiler``: inside a
running asyncio loop, with the same file names of cells, the same environment and the same refusal of ``input()``.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import contextvars
import getpass
import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from IPython.core import interactiveshell, page
from IPython.core.compilerop import CachingCompiler
from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.interactiveshell import InteractiveShell, InteractiveShellABC, _asyncio_runner
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import Javascript, display
from IPython.utils.process import system
from traitlets import CBool, Type
from traitlets.config import Config

from .ambient import cell_text
from .displays import JournalDisplayHook, JournalDisplayPublisher, Outlet
from .interrupt import cancelling_on_signals
from .keep import KeepLast
from .outcome import CellRun
from .sources import belongs_to_main, remember_sources

INLINE_BACKEND = "module://matplotlib_inline.backend_inline"
_NO_INPUT = "raw_input was called, but this frontend does not support input requests."
_NO_GETPASS = "getpass was called, but this frontend does not support input requests."
_ENVIRONMENT = {
    "TERM": "xterm-color",
    "CLICOLOR": "1",
    "FORCE_COLOR": "1",
    "CLICOLOR_FORCE": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
}


class Shell:
    """One IPython shell for one cell. Making it is the slow part and needs no job: spares do it ahead of need."""

    def __init__(self, ip: ZMQInteractiveShell) -> None:
        self._ip = ip
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def namespace(self) -> dict[str, Any]:
        """The notebook's namespace: the ``__dict__`` of ``__main__``."""
        return self._ip.user_ns  # type: ignore[no-any-return]

    @property
    def hidden(self) -> frozenset[str]:
        """Names that are the shell's own."""
        return frozenset(self._ip.user_ns_hidden)

    def configure(self, outlet: Outlet, *, execution_count: int, ambient: dict[str, Any]) -> None:
        """Make the shell this job's; cheap. The working directory and environment are set before."""
        ip = self._ip
        self._loop = asyncio.new_event_loop()  # before the cell's logging could tell of it
        ip.display_pub.outlet = ip.displayhook.outlet = ip.outlet = outlet
        ip.init_environment()
        os.environ.setdefault("MPLBACKEND", INLINE_BACKEND)
        _seed_history(ip, ambient.get("history", []), execution_count)
        ip.compile.cell_file = str(ambient.get("cell_file", ""))
        with contextlib.suppress(OSError):
            ip.history_manager.dir_hist[:] = [Path.cwd()]
        for name, (count, source) in ambient.get("cells", {}).items():
            ip.compile._filename_map[name] = count
            remember_sources({name: source})
            belongs_to_main(name)
        _follow_matplotlib(ip)

    def adopt_values(self) -> None:
        """Values named ``_``, ``__``, ``___``, ``In`` and ``Out`` that travelled become the shell's own."""
        ip = self._ip
        for name in ("_", "__", "___"):
            setattr(ip.displayhook, name, ip.user_ns.get(name, ""))
        history = ip.history_manager.output_hist
        for name in ("Out", "_oh"):
            captured = ip.user_ns.get(name)
            if isinstance(captured, dict) and captured is not history:
                history.update(captured)
                ip.user_ns[name] = history
        cells = ip.history_manager.input_hist_parsed
        for name in ("In", "_ih"):
            captured = ip.user_ns.get(name)
            if isinstance(captured, list) and captured is not cells:
                if not any(cells):  # the history was too long to travel beside the values
                    cells[:] = [cell_text(text) for text in captured[: len(cells)]]
                ip.user_ns[name] = cells

    def rehearse(self) -> None:
        """Run a cell that does nothing and leaves no trace in the history: what is made on first use is made now."""
        self._run_here("pass", "", is_stored=False)

    def run(self, source: str, *, cell_id: str = "", keep: str = "") -> CellRun:
        """Run the cell and everything that hangs on it; never raises what the cell raises.

        With ``keep`` the value of the last expression is bound to that name instead of being shown.
        """
        keepers = [KeepLast(keep)] if keep else []
        self._ip.ast_transformers.extend(keepers)
        try:
            return self._run_here(source, cell_id, is_stored=True)
        finally:
            for keeper in keepers:
                self._ip.ast_transformers.remove(keeper)

    def _run_here(self, source: str, cell_id: str, *, is_stored: bool) -> CellRun:
        self._ip.compile.cell_source = source
        loop, self._loop = self._loop or asyncio.new_event_loop(), None
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(self._run(source, cell_id or None, is_stored))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            loop.close()

    async def _run(self, source: str, cell_id: str | None, is_stored: bool) -> CellRun:
        ip = self._ip
        with _without_input():
            result = await _execute(ip, source, cell_id, is_stored)
            await _background_tasks()
        error = result.error_before_exec or result.error_in_exec
        hook = ip.displayhook
        failed = bool(error is not None or ip.failed_while_displaying)
        return CellRun(
            error=error,
            is_failed=failed,
            traceback=tuple(ip.last_traceback_lines),
            has_displayed=hook.has_displayed,
            displayed=hook.last_displayed,
            context=contextvars.copy_context(),
        )

    def own_names(self) -> frozenset[str]:
        """``_``, ``__``, ``___`` and ``get_ipython`` as far as the shell, and not the cell, set them (``%reset`` does)."""
        ip = self._ip
        unders = ("_", "__", "___")
        own = {name for name in unders if ip.user_ns.get(name, "") is getattr(ip.displayhook, name)}
        getter = ip.user_ns.get("get_ipython")
        return frozenset(own | ({"get_ipython"} if _is_of(getter, ip) else set()))


def _is_of(method: Any, ip: Any) -> bool:
    return getattr(method, "__self__", None) is ip


async def _execute(
    ip: ZMQInteractiveShell, source: str, cell_id: str | None, is_stored: bool
) -> Any:
    """``IPythonKernel.do_execute``, reduced to the cell."""
    preprocessing_error = None
    try:
        transformed = ip.transform_cell(source)
    except Exception:  # noqa: BLE001 - a user's transformer may raise anything; IPython shows it
        transformed, preprocessing_error = source, sys.exc_info()
    is_async = ip.loop_runner is _asyncio_runner and ip.should_run_async(
        source, transformed_cell=transformed, preprocessing_exc_tuple=preprocessing_error
    )
    if not is_async:
        return ip.run_cell(source, store_history=is_stored, cell_id=cell_id)
    ip.forget_errors()
    running = asyncio.ensure_future(
        ip.run_cell_async(
            source,
            store_history=is_stored,
            transformed_cell=transformed,
            preprocessing_exc_tuple=preprocessing_error,
            cell_id=cell_id,
        )
    )
    result = None
    with cancelling_on_signals(running, lambda: frozenset(ip.compile._filename_map)):
        try:
            result = await running
        finally:
            ip.events.trigger("post_execute")
            ip.events.trigger("post_run_cell", result)
    return result


async def _background_tasks() -> None:
    """Let tasks that the cell left running come to their end, as they would in an idle kernel."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


@contextlib.contextmanager
def _without_input() -> Iterator[None]:
    """``input`` and ``getpass`` fail as in a kernel without a front end (papermill, nbconvert)."""

    def no_input(prompt: object = "") -> NoReturn:
        del prompt
        raise StdinNotImplementedError(_NO_INPUT)

    def no_getpass(prompt: object = "", stream: object = None) -> NoReturn:
        del prompt, stream
        raise StdinNotImplementedError(_NO_GETPASS)

    saved = builtins.input, getpass.getpass
    builtins.input, getpass.getpass = no_input, no_getpass
    try:
        yield
    finally:
        builtins.input, getpass.getpass = saved


class CellCompiler(CachingCompiler):  # type: ignore[misc]
    """Names the code of a cell as ``ipykernel`` does: ``/tmp/ipykernel_<pid>/<murmur2 of the cell>.py``.

    The job's own cell, ``cell_source``, has the name ``cell_file`` that it has at home, where its source is known by it.
    """

    cell_file = ""
    cell_source = ""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        del transformed_code, number
        name = self.cell_file if raw_code == self.cell_source else ""
        name = name or os.environ.get("IPYKERNEL_CELL_NAME", "")
        folder = f"{tempfile.gettempdir()}{os.sep}ipykernel_{os.getpid()}"
        name = name or f"{folder}{os.sep}{murmur2(raw_code.encode())}.py"
        belongs_to_main(name)
        return name


class ZMQInteractiveShell(InteractiveShell):  # type: ignore[misc]
    """The shell that ``get_ipython()`` returns. Libraries know a notebook by this class name (tqdm, rich, …)."""

    __module__ = "ipykernel.zmqshell"  # they look at this, too

    displayhook_class = Type(JournalDisplayHook)
    display_pub_class = Type(JournalDisplayPublisher)
    autoindent = CBool(False)
    keepkernel_on_exit = None
    kernel = None
    outlet: Outlet | None = None
    is_inline_ready = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.forget_errors()
        super().__init__(*args, **kwargs)

    def forget_errors(self) -> None:
        self.last_traceback_lines: list[str] = []
        self.failed_while_displaying = False

    def run_cell(self, *args: Any, **kwargs: Any) -> Any:
        self.forget_errors()
        return super().run_cell(*args, **kwargs)

    def init_environment(self) -> None:
        os.environ.update(_ENVIRONMENT)

    def init_virtualenv(self) -> None:
        """Nothing: the interpreter of the worker is the environment."""

    def init_hooks(self) -> None:
        super().init_hooks()
        self.set_hook("show_in_pager", page.as_hook(self._page), 99)

    def _page(self, text: Any, start: int = 0, **_: Any) -> None:
        """A page (``obj?``) goes to the pager of the front end at home."""
        if self.outlet is not None:
            data = text if isinstance(text, dict) else {"text/plain": text}
            self.outlet.output({"output_type": "page", "data": data, "start": max(0, start)})

    def init_magics(self) -> None:
        super().init_magics()
        self.register_magics(KernelMagics)

    def enable_gui(self, gui: Any = None) -> None:
        """No event loop of a GUI runs here; ``%matplotlib inline`` asks for none."""

    def ask_exit(self) -> None:
        """``exit`` ends the kernel at home; here the job ends with its cell anyway."""

    def _format_exception_for_storage(self, *_args: Any, **_kwargs: Any) -> dict[str, Any]:
        """Nothing: the kernel at home keeps the exceptions of its cells; drawing a traceback twice takes time."""
        return {}

    def set_next_input(self, text: str, replace: bool = False) -> None:
        """There is no next cell here (``%load``)."""

    def system_piped(self, cmd: str) -> None:
        if cmd.rstrip().endswith("&"):
            raise OSError("Background processes not supported.")
        code = system(self.var_expand(cmd, depth=1))
        self.user_ns["_exit_code"] = code
        if getattr(self, "system_raise_on_error", False) and code != 0:
            from subprocess import CalledProcessError

            raise CalledProcessError(code, cmd)

    system = system_piped

    def _showtraceback(self, etype: type, evalue: BaseException | None, stb: list[str]) -> None:
        if self.displayhook.is_formatting:
            self.failed_while_displaying = True
        if self.outlet is not None:
            self.outlet.output(
                {
                    "output_type": "error",
                    "ename": str(etype.__name__),
                    "evalue": str(evalue),
                    "traceback": list(stb),
                }
            )
        self.last_traceback_lines = list(stb)


InteractiveShellABC.register(ZMQInteractiveShell)


@magics_class
class KernelMagics(Magics):  # type: ignore[misc]
    """The magics that ``ipykernel`` changes and that mean something without a front end."""

    @line_magic  # type: ignore[untyped-decorator]
    def clear(self, arg_s: str) -> None:
        """Clear the terminal."""
        del arg_s
        self.shell.system("clear")

    @line_magic  # type: ignore[untyped-decorator]
    def less(self, arg_s: str) -> None:
        """Show a file through the pager."""
        if not arg_s:
            raise UsageError("Missing filename.")
        page.page(Path(arg_s).read_text())

    more = line_magic("more")(less)

    @line_magic  # type: ignore[untyped-decorator]
    def man(self, arg_s: str) -> None:
        """Find the man page for the given command and display it in the pager."""
        page.page(self.shell.getoutput(f"man {arg_s} | col -b", split=False))

    @line_magic  # type: ignore[untyped-decorator]
    def autosave(self, arg_s: str) -> None:
        """Set the autosave interval in the notebook (in seconds)."""
        try:
            seconds = int(arg_s)
        except ValueError as exc:
            raise UsageError(f"%autosave requires an integer, got {arg_s!r}") from exc
        script = f"IPython.notebook.set_autosave_interval({1000 * seconds})"
        display(Javascript(script), include=["application/javascript"])
        print(f"Autosaving every {seconds} seconds" if seconds else "Autosave disabled")


def _warn(message: str, *args: Any, **options: Any) -> None:
    """``warn`` for IPython's shell: that ``sys.exit`` ends no kernel is said at home, where the exception is raised again."""
    if not message.startswith("To exit: use"):
        options["stacklevel"] = options.get("stacklevel", 1) + 1
        warnings.warn(message, *args, **options)


def make_shell() -> Shell:
    """A shell with an empty namespace, which is ``__main__`` from now on. Needs no job; one per process.

    Safe to call in a forked child; starts no thread and opens no file.
    """
    interactiveshell.warn = _warn
    config = Config()
    config.HistoryManager.enabled = False
    config.IPKernelApp.is_worker = True  # tqdm and others look for this section
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unwritable HOME is no concern of the cell
        ip = ZMQInteractiveShell.instance(config=config, compiler_class=CellCompiler)
        ip.extension_manager.load_extension("storemagic")  # as an IPython application does
    ip.autoawait = True
    warnings.filterwarnings(
        "ignore",
        message=".*Trio's signal handling code might have collided.*",
        category=RuntimeWarning,
    )
    os.environ.setdefault("MPLBACKEND", INLINE_BACKEND)
    _follow_matplotlib(ip)
    shell = Shell(ip)
    shell.rehearse()
    return shell


def _seed_history(ip: Any, history: list[str], execution_count: int) -> None:
    """``In`` holds the cells of the notebook, and this one becomes number ``execution_count``."""
    manager = ip.history_manager
    known = [str(cell) for cell in history[:execution_count]]
    padded = known + [""] * (execution_count - len(known))
    manager.input_hist_parsed[:] = padded
    manager.input_hist_raw[:] = padded
    ip.execution_count = execution_count
    recent = [*padded[1:][-3:][::-1], "", "", ""]
    manager._i00, manager._i, manager._ii = recent[:3]


def _follow_matplotlib(ip: Any) -> None:
    """A warm process imported Matplotlib before ``MPLBACKEND`` was set and before this shell existed: catch up."""
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is None:
        return
    params = matplotlib.rcParams
    if not isinstance(params._get("backend"), str):
        params._set(
            "backend", os.environ["MPLBACKEND"]
        )  # validating it would read every package's metadata
    is_inline = params._get("backend") in (INLINE_BACKEND, "inline")
    if is_inline and "matplotlib.figure" in sys.modules:  # a captured figure knows how to show
        with contextlib.suppress(ImportError):
            importlib.import_module("matplotlib_inline.backend_inline")
    backend = sys.modules.get("matplotlib_inline.backend_inline")
    if backend is not None and is_inline and not ip.is_inline_ready:
        ip.is_inline_ready = True
        backend.configure_inline_support(ip, INLINE_BACKEND)


def murmur2(data: bytes, seed: int = 0xC70F6907) -> int:
    """The 32-bit MurmurHash2 that debuggers and kernels name cells by (``ipykernel.compiler``)."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = seed ^ len(data)
    rounded = len(data) & ~3
    for i in range(0, rounded, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ (k >> 24)) * m & mask)
    if rest := data[rounded:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)
