"""What a cell feels around it beside its variables: random state, directory, options, warnings, environment, history.

``collect`` at home makes a JSON value that travels in the bundle, ``apply`` makes the far side feel the same, and
``changes`` of two far states goes home in the delta, where ``apply`` makes them true again. Only packages that are
already imported are looked at; nothing is imported for it.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import os
import pickle
import random
import re
import struct
import sys
import warnings
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from . import logs, manner

MAX_HISTORY_CHARS = 1 << 18
_MAGIC_CALL = "get_ipython().run_cell_magic('cloudtrain', "
PACKAGES = {
    "numpy": ("numpy", "numpy_print", "numpy_errors"),
    "torch": ("torch",),
    "pandas": ("pandas",),
    "matplotlib": ("matplotlib",),
}
"""Packages with a state of their own, and the parts of ``collect`` that hold it."""

_PER_PROCESS = frozenset({"_", "PWD", "OLDPWD", "SHLVL", "PYTEST_CURRENT_TEST", "CLOUDML_HOME"})


_own_path: list[str] = []
"""Entries of ``sys.path`` that belong to this very process's packages (``-r``): they mean nothing at home."""


def collect(namespace: dict[str, Any], *, is_local: bool = True) -> dict[str, Any]:
    """The ambient state of this process as a JSON value. Changes nothing; never raises for a strange option.

    ``is_local`` adds what only has a meaning on this machine: ``sys.path``, ``os.environ`` and the directory.
    """
    state: dict[str, Any] = {"random": _packed(random.getstate())}
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None and "numpy.random" in sys.modules:
        state["numpy"] = _numpy_random(numpy)
    if numpy is not None and hasattr(numpy, "get_printoptions"):
        state["numpy_print"] = _json_safe(numpy.get_printoptions())
        state["numpy_errors"] = dict(numpy.geterr())
    if torch is not None and hasattr(torch, "get_rng_state"):
        state["torch"] = _torch_state(torch)
    if (matplotlib := sys.modules.get("matplotlib")) is not None:
        state["matplotlib"] = _rc_params(matplotlib)
    if (pandas := sys.modules.get("pandas")) is not None and hasattr(pandas, "options"):
        state["pandas"] = _pandas_options()
    if (decimal := sys.modules.get("decimal")) is not None:
        here = decimal.getcontext()
        state["decimal"] = {"prec": here.prec, "rounding": here.rounding}
    state["warnings"] = _warning_filters()
    state["recursion_limit"] = sys.getrecursionlimit()
    state["logging"] = logs.collect()
    if shown := manner.collect():
        state["manner"] = shown
    state.update(_notebook(namespace))
    state["argv"] = list(sys.argv)
    if is_local:
        state["cwd"] = _cwd()
        state["path"] = [path for path in sys.path if path not in _own_path]
        state["environ"] = {k: v for k, v in os.environ.items() if k not in _PER_PROCESS}
    return state


def collect_lasting(namespace: dict[str, Any], *, is_local: bool = True) -> dict[str, Any]:
    """``collect`` without the notebook's history: what a cell can change for the cells after it."""
    return {
        key: value
        for key, value in collect(namespace, is_local=is_local).items()
        if key not in ("history", "cells")
    }


def changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The parts of ``after`` that differ from ``before``; of the environment only the variables that differ."""
    changed = {
        key: value
        for key, value in after.items()
        if key not in ("environ", "history", "cells") and before.get(key) != value
    }
    environ = _differing(before.get("environ", {}), after.get("environ", {}))
    return {**changed, **({"environ": environ} if environ else {})}


def apply(state: dict[str, Any]) -> None:
    """Make this process feel ``state``. Safe to repeat; parts that have no meaning here are passed over.

    Environment variables that are ``None`` are removed. Nothing is imported: what concerns a package that is not imported
    here is left (``apply_package`` when it is).
    """
    if "environ" in state:
        _apply_environ(state["environ"])
    apply_place(state)
    apply_options(state)
    apply_logging(state)


def apply_place(state: dict[str, Any]) -> None:
    """The arguments, the path of modules and the working directory, where they travelled and exist here."""
    if "argv" in state:
        sys.argv[:] = state["argv"]
    if "path" in state:
        sys.path[:] = state["path"]
    if state.get("cwd"):
        with contextlib.suppress(OSError):
            os.chdir(state["cwd"])


def put_first(folders: list[str]) -> None:
    """Search packages in ``folders`` before all others; what is found before any packages (the user's own) stays so."""
    _own_path[:] = folders
    rest = [path for path in sys.path if path not in folders]
    at = next((i for i, path in enumerate(rest) if path.endswith("-packages")), len(rest))
    sys.path[:] = [*rest[:at], *folders, *rest[at:]]


def apply_options(state: dict[str, Any]) -> None:
    """Random states, options and warning filters: what a cell before this one set."""
    if "recursion_limit" in state:
        with contextlib.suppress(RecursionError, ValueError):
            sys.setrecursionlimit(state["recursion_limit"])
    if "random" in state:
        random.setstate(_unpacked(state["random"]))
    if "decimal" in state:
        _apply_decimal(state["decimal"])
    manner.apply(state.get("manner", {}))
    for name in PACKAGES:
        if (package := _whole(name)) is not None:
            apply_package(name, package, state)
    if "warnings" in state:
        _apply_warnings(state["warnings"])


def _whole(name: str) -> Any:
    """The package ``name`` if it is imported; where another thread is at that, when it is done. None when that fails."""
    package = sys.modules.get(name)
    if getattr(getattr(package, "__spec__", None), "_initializing", False):
        try:
            return importlib.import_module(name)
        except Exception:  # noqa: BLE001 - whoever imports it is told
            return None
    return package


def apply_logging(state: dict[str, Any]) -> None:
    """Levels and handlers; handlers write to the streams of now."""
    if "logging" in state:
        logs.apply(state["logging"])


def apply_package(name: str, package: Any, state: dict[str, Any]) -> None:
    """Random state and options of one package of ``PACKAGES`` that is imported here, as far as they travelled."""
    if name == "numpy":
        if "numpy" in state:
            _apply_numpy_random(package, state["numpy"])
        if "numpy_print" in state:
            package.set_printoptions(**state["numpy_print"])
        if "numpy_errors" in state:
            package.seterr(**state["numpy_errors"])
    elif name == "torch" and "torch" in state:
        _apply_torch(package, state["torch"])
    elif name == "pandas" and "pandas" in state:
        _apply_pandas(package, state["pandas"])
    elif name == "matplotlib" and "matplotlib" in state:
        _apply_rc_params(package, state["matplotlib"])


def renew_randomness() -> None:
    """Fresh entropy for generators that a forked process shares with its siblings.

    torch keeps its fixed default seed: a fresh process has it, too.
    """
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        numpy.random.seed()


def _apply_decimal(wanted: dict[str, Any]) -> None:
    import decimal

    here = decimal.getcontext()
    here.prec, here.rounding = wanted["prec"], wanted["rounding"]


def _packed(state: tuple[Any, ...]) -> list[Any]:
    version, words, gauss = state
    data = struct.pack(f"<{len(words)}I", *words)
    return [version, b64encode(data).decode(), gauss]


def _unpacked(packed: list[Any]) -> tuple[Any, ...]:
    version, text, gauss = packed
    data = b64decode(text)
    return version, struct.unpack(f"<{len(data) // 4}I", data), gauss


def _numpy_random(numpy: Any) -> dict[str, Any]:
    """The state of the legacy global generator, whatever bit generator is behind it."""
    state = numpy.random.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        return {"pickle": b64encode(pickle.dumps(state)).decode()}
    inner = state["state"]
    return {
        "key": b64encode(inner["key"].astype("<u4").tobytes()).decode(),
        "pos": int(inner["pos"]),
        "has_gauss": int(state["has_gauss"]),
        "gauss": float(state["gauss"]),
    }


def _apply_numpy_random(numpy: Any, packed: dict[str, Any]) -> None:
    if "pickle" in packed:
        numpy.random.set_state(pickle.loads(b64decode(packed["pickle"])))  # noqa: S301 - this user's own state
        return
    key = numpy.frombuffer(b64decode(packed["key"]), "<u4").astype("uint32")
    numpy.random.set_state(("MT19937", key, packed["pos"], packed["has_gauss"], packed["gauss"]))


def _torch_state(torch: Any) -> dict[str, Any]:
    state: dict[str, Any] = {
        "cpu": _tensor_text(torch.get_rng_state()),
        "dtype": str(torch.get_default_dtype()).removeprefix("torch."),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
    }
    if (shown := sys.modules.get("torch._tensor_str")) is not None:
        state["print"] = dict(vars(shown.PRINT_OPTS))
    cuda = getattr(torch, "cuda", None)
    if cuda is not None and cuda.is_available() and cuda.is_initialized():
        state["cuda"] = [_tensor_text(item) for item in cuda.get_rng_state_all()]
    return state


def _apply_torch(torch: Any, state: dict[str, Any]) -> None:
    torch.set_rng_state(_text_tensor(torch, state["cpu"]))
    if (dtype := getattr(torch, state["dtype"], None)) is not None:
        torch.set_default_dtype(dtype)
    torch.set_grad_enabled(state["grad"])
    if state["deterministic"] != torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(state["deterministic"])
    if state["threads"] != torch.get_num_threads():
        torch.set_num_threads(state["threads"])
    if (shown := sys.modules.get("torch._tensor_str")) is not None and "print" in state:
        vars(shown.PRINT_OPTS).update(state["print"])
    if "cuda" in state and torch.cuda.is_available():
        devices = range(min(len(state["cuda"]), torch.cuda.device_count()))
        for index in devices:
            torch.cuda.set_rng_state(_text_tensor(torch, state["cuda"][index]), index)


def _tensor_text(tensor: Any) -> str:
    return b64encode(bytes(tensor.cpu().numpy())).decode()


def _text_tensor(torch: Any, text: str) -> Any:
    return torch.frombuffer(bytearray(b64decode(text)), dtype=torch.uint8)


def _rc_params(matplotlib: Any) -> dict[str, Any]:
    """The parameters that differ from Matplotlib's defaults, as far as JSON can say them."""
    params, defaults = matplotlib.rcParams, matplotlib.rcParamsDefault
    found = {}
    for key in dict.keys(params):
        value = params._get(key) if key == "backend" else dict.__getitem__(params, key)
        if key != "backend" and value == dict.get(defaults, key):
            continue
        if key == "axes.prop_cycle":
            found[key] = {"cycler": {k: list(v) for k, v in value.by_key().items()}}
        elif _is_json(value):
            found[key] = value
    return found


def _apply_rc_params(matplotlib: Any, wanted: dict[str, Any]) -> None:
    """Only what differs is set: Matplotlib validates each parameter, and there are hundreds."""
    params, current = matplotlib.rcParams, _rc_params(matplotlib)
    if current == wanted:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key in current.keys() - wanted.keys() - {"backend"}:
            params[key] = dict.__getitem__(matplotlib.rcParamsDefault, key)
        for key, value in wanted.items():
            if current.get(key) == value:
                continue
            if key == "backend":
                params._set(key, value)
                continue
            if isinstance(value, dict) and "cycler" in value:
                value = matplotlib.rcsetup.cycler(**value["cycler"])
            with contextlib.suppress(KeyError, ValueError):
                params[key] = value


def _pandas_options() -> dict[str, Any]:
    """The options that differ from pandas' defaults (``pandas._config.config``)."""
    config = sys.modules.get("pandas._config.config")
    if config is None:
        return {}
    defaults = config._registered_options
    return {
        key: told
        for key, value in _flat(config._global_config)
        if value != defaults[key].defval and (told := _told(value)) is not _UNTOLD
    }


_UNTOLD = object()


def _told(value: Any) -> Any:
    """An option's value as a JSON value; functions (``display.float_format``) as pickles, or untold."""
    if not callable(value):
        return value if _is_json(value) else _UNTOLD
    import cloudpickle

    try:
        return {"function": b64encode(cloudpickle.dumps(value)).decode()}
    except (TypeError, pickle.PicklingError, AttributeError):
        return _UNTOLD


def _of_told(told: Any) -> Any:
    if isinstance(told, dict) and "function" in told:
        return pickle.loads(b64decode(told["function"]))  # noqa: S301 - this user's own option
    return told


def _flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _apply_pandas(pandas: Any, wanted: dict[str, Any]) -> None:
    for key in _pandas_options().keys() - wanted.keys():
        pandas.reset_option(f"^{re.escape(key)}$", silent=True)
    for key, value in wanted.items():
        with contextlib.suppress(KeyError, ValueError):
            pandas.set_option(key, _of_told(value))


def _warning_filters() -> list[list[Any]]:
    return [
        [
            action,
            message.pattern if message else None,
            f"{category.__module__}:{category.__qualname__}",
            module.pattern if module else None,
            line,
        ]
        for action, message, category, module, line in _plain_filters(warnings.filters)
    ]


def _plain_filters(filters: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Patterns may be text where the interpreter itself made the filter."""
    return [
        (action, _compiled(message), category, _compiled(module), line)
        for action, message, category, module, line in filters
    ]


def _compiled(pattern: Any) -> Any:
    return re.compile(re.escape(pattern)) if isinstance(pattern, str) else pattern


def _apply_warnings(filters: list[list[Any]]) -> None:
    """Touching the filters makes Python show again what it has shown once: they are left alone where they are so."""
    if _warning_filters() == filters:
        return
    found: list[Any] = []
    for action, message, category_name, module, line in filters:
        if (category := _category(category_name)) is not None:
            compiled_message = re.compile(message, re.IGNORECASE) if message else None
            compiled_module = re.compile(module) if module else None
            found.append((action, compiled_message, category, compiled_module, line))
    warnings.filters[:] = found  # type: ignore[index]
    warnings._filters_mutated() if hasattr(warnings, "_filters_mutated") else None


def _category(name: str) -> Any:
    """A warning class by name, if its module is imported here."""
    module_name, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module_name)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Warning) else None


def _notebook(namespace: dict[str, Any]) -> dict[str, Any]:
    """The cells that were run, for ``In`` and for tracebacks through functions that they defined."""
    get_ipython = namespace.get("get_ipython")
    ip = get_ipython() if callable(get_ipython) else None
    if ip is None or not hasattr(ip, "history_manager"):
        return {}
    import linecache

    numbered = getattr(ip.compile, "_filename_map", {})
    cells: dict[str, list[Any]] = {}
    room = MAX_HISTORY_CHARS
    for name, count in reversed(list(numbered.items())):
        source = "".join(linecache.getlines(name))
        room -= len(source)
        if room < 0:
            break
        cells[name] = [count, source]
    history = [cell_text(text) for text in ip.history_manager.input_hist_parsed]
    is_small = sum(map(len, history)) <= MAX_HISTORY_CHARS
    return {"cells": cells, "history": history if is_small else []}


@functools.lru_cache(maxsize=4096)
def cell_text(parsed: str) -> str:
    """What ``In`` has for a cell; of one that ran as a job, the cell without the magic's line."""
    if not parsed.startswith(_MAGIC_CALL):
        return parsed
    try:
        return str(ast.literal_eval(parsed.removeprefix(_MAGIC_CALL).removesuffix(")"))[-1]).rstrip(
            "\n"
        )
    except (SyntaxError, ValueError, IndexError):
        return parsed


def _apply_environ(wanted: dict[str, str | None]) -> None:
    for name, value in wanted.items():
        if value is None:
            os.environ.pop(name, None)
        elif os.environ.get(name) != value:
            os.environ[name] = value


def replace_environ(wanted: dict[str, str]) -> None:
    """The environment is ``wanted`` and nothing else, but for what belongs to this very process."""
    for name in list(os.environ):
        if name not in wanted and name not in _PER_PROCESS:
            del os.environ[name]
    _apply_environ(dict(wanted))


def _differing(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    names = set(chain(before, after))
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


def _cwd() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - text that goes into JSON
    except OSError:
        return ""


def _is_json(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | bool | int | float)


def _json_safe(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if _is_json(value)}
