"""Runs inside the kernel: a digest of every user name, of the RNGs, the environment and the files.

Loaded by path and kept out of the user's namespace. Two namespaces that a user cannot tell apart give
equal digests; sharing counts: an object seen a second time is written as a reference to its first place.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import types
from pathlib import Path
from typing import Any

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")
_RUN = re.compile(
    r"\S*ipykernel_\d+/\d+\.py|<ipython-input-[^>]*>|/tmp/tmp\w{6,}|/tmp/ipykernel_\d+"
)
_HISTORY = re.compile(r"_i{1,3}$|_i\d+$|_[io]h$|_dh$|In$|get_ipython$|exit$|quit$|open$")
_PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...), type(NotImplemented))
_MAX_NODES = 60_000
_PRIVATE = {
    "_deprecated_key_to_warnings",  # empty, as good as absent (sklearn's Bunch)
    "_sampler_iter",  # of a DataLoader's iterator: the batches to come, as a generator or as a list
}
_start: dict[str, Any] = {}


def start() -> None:
    """Remember what the user has not made, and give ``random`` a seed: each kernel has its own otherwise."""
    import random

    random.seed(0)
    _start["environ"] = dict(os.environ)
    _start["cwd"] = Path.cwd()


def report() -> dict[str, tuple[str, str]]:
    """Name → (digest, beginning of the text that was digested)."""
    from IPython import get_ipython

    shell = get_ipython()
    namespace = shell.user_ns
    hidden = shell.user_ns_hidden
    names = sorted(
        name
        for name, value in namespace.items()
        if not _HISTORY.match(name)
        and not (name in hidden and hidden[name] is value)
        and not (name.startswith("__") and name.endswith("__"))
    )
    writer = _Writer()
    texts = {name: writer.text(namespace[name], name) for name in names}
    texts.update(_ambient(writer))
    texts = {name: _masked(text) for name, text in texts.items()}
    return {name: (_short(text), text[:6000]) for name, text in texts.items()}


def _masked(text: str) -> str:
    """``text`` without folders, process ids and file names that every run makes anew."""
    return _RUN.sub("<of this run>", text.replace(str(_start["cwd"]), "<folder>"))


def _ambient(writer: _Writer) -> dict[str, str]:
    import random

    found = {"<random>": writer.text(random.getstate(), "<random>")}
    if "numpy.random" in sys.modules:
        state = sys.modules["numpy.random"].get_state(legacy=False)
        found["<numpy.random>"] = writer.text(state, "<numpy.random>")
    if "torch" in sys.modules and hasattr(sys.modules["torch"], "get_rng_state"):
        found["<torch.random>"] = writer.text(
            sys.modules["torch"].get_rng_state().clone(), "<torch.random>"
        )
    found["<cwd>"] = os.path.relpath(Path.cwd(), _start["cwd"])
    found["<environ>"] = repr(_changed_environ())
    found["<files>"] = repr(_files())
    return found


def _changed_environ() -> list[tuple[str, str | None]]:
    before, now = _start["environ"], dict(os.environ)
    ours = ("CLOUDML_", "MLFLOW_", "KMP_", "GIT_", "PWD", "OLDPWD", "TORCHINDUCTOR_")
    return [
        (key, now.get(key))
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and not key.startswith(ours)
    ]


def _files() -> list[tuple[str, str]]:
    root = _start["cwd"]
    files = [
        path
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(p.startswith((".", "__pycache__")) for p in path.parts[-3:])
    ]
    binary = {".pkl", ".pt", ".joblib", ".npz", ".db", ".png", ".parquet", ".zip", ".gz"}
    return [
        (str(path.relative_to(root)), "" if path.suffix in binary else _file_digest(path))
        for path in files[:200]
    ]


def _file_digest(path: Path) -> str:
    data = path.read_bytes()
    if b" function calls " in data[:200]:  # a profile: its seconds, and the order by them, differ
        lines = re.sub(rb"\d+\.\d{3}", b"<time>", data).splitlines()
        data = b"\n".join(sorted(b" ".join(line.split()) for line in lines))
    return hashlib.sha256(data).hexdigest()[:12]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class _Writer:
    """Writes values as text. ``seen`` maps ids to the place where the object was first met."""

    def __init__(self) -> None:
        self.seen: dict[int, str] = {}
        self.kept: list[Any] = []
        self.memory: list[tuple[Any, str]] = []
        self.storages: dict[int, str] = {}
        self.nodes = 0

    def text(self, value: Any, place: str) -> str:
        """Never raises: an object that resists is written as its type and the error's."""
        self.nodes = 0
        try:
            return self._write(value, place)
        except Exception as exc:
            return f"{type(value).__name__} resists: {type(exc).__name__} {_cleaned(str(exc))}"

    def _write(self, value: Any, place: str) -> str:
        self.nodes += 1
        if self.nodes > _MAX_NODES or place.count(".") + place.count("[") > 60:
            return "…"
        kind = type(value)
        if kind in _PLAIN:
            return f"{kind.__name__}:{value!r}"
        if kind is tuple:
            return f"({', '.join(self._items(value, place))})"
        if isinstance(value, (type, types.FunctionType)) and value.__module__ != "__main__":
            return f"{kind.__name__} {_name(value)}"
        if id(value) in self.seen:
            return f"→{self.seen[id(value)]}"
        self.seen[id(value)] = place
        self.kept.append(value)
        for test, write in _WRITERS:
            if test(value):
                return write(self, value, place)
        return self._object(value, place)

    def _items(self, values: Any, place: str) -> list[str]:
        return [self._write(item, f"{place}[{i}]") for i, item in enumerate(values)]

    def _mapping(self, value: Any, place: str) -> str:
        return ", ".join(
            f"{self._write(key, f'{place}.key')}: {self._write(item, f'{place}[{_cleaned(repr(key)):.40}]')}"
            for key, item in value.items()
            if key != "__builtins__" and not str(key).endswith(("_time", "_time_"))
        )

    def _list(self, value: Any, place: str) -> str:
        inner = ", ".join(self._items(list(value), place))
        return f"{_name(type(value))}[{inner}]{self._state(value, place)}"

    def _dict(self, value: Any, place: str) -> str:
        factory = getattr(value, "default_factory", None)
        inner = self._mapping(dict(value), place)
        return f"{_name(type(value))}{{{inner}}}{_name(factory) if factory else ''}{self._state(value, place)}"

    def _set(self, value: Any, place: str) -> str:
        inner = ", ".join(sorted(self._write(item, f"{place}.item") for item in value))
        return f"{_name(type(value))}{{{inner}}}{self._state(value, place)}"

    def _state(self, value: Any, place: str) -> str:
        """The attributes of an instance, slots included."""
        parts = dict(getattr(value, "__dict__", {}) or {})
        for kind in type(value).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                mangled = (
                    f"_{kind.__name__.lstrip('_')}{slot}"
                    if slot.startswith("__") and not slot.endswith("__")
                    else slot
                )
                if slot not in ("__dict__", "__weakref__") and hasattr(value, mangled):
                    parts.setdefault(mangled, getattr(value, mangled))
        if not parts:
            return ""
        if type(value).__module__ != "__main__":
            parts = dict(sorted(parts.items()))
        inner = ", ".join(
            f"{k}={self._write(v, f'{place}.{k}')}"
            for k, v in parts.items()
            if not k.endswith(("_time", "_time_")) and not k.startswith("_warned_")
            if k not in _PRIVATE or (k == "_deprecated_key_to_warnings" and v)
        )
        return f"<{inner}>" if inner else ""

    def _function(self, value: Any, place: str) -> str:
        cells = [_cell_content(cell) for cell in value.__closure__ or ()]
        parts = [
            self._code(value.__code__, place),
            self._write(value.__defaults__, f"{place}.__defaults__"),
            self._write(value.__kwdefaults__, f"{place}.__kwdefaults__"),
            f"closure {self._items(cells, f'{place}.closure')}",
            f"annotations {_cleaned(repr(value.__annotations__))}",
            f"doc {value.__doc__!r}",
            self._mapping(value.__dict__, f"{place}.__dict__"),
            f"own globals {value.__globals__ is sys.modules['__main__'].__dict__}",
        ]
        return f"function {value.__qualname__} {' '.join(parts)}"

    def _code(self, code: types.CodeType, place: str) -> str:
        constants = [
            self._code(c, place) if isinstance(c, types.CodeType) else _constant(c)
            for c in code.co_consts
        ]
        body = (code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_flags)
        return f"code({code.co_name} {_short(repr(body))} {constants})"

    def _class(self, value: type, place: str) -> str:
        skipped = {
            "__dict__",
            "__weakref__",
            "__module__",
            "__firstlineno__",
            "_abc_impl",
            "__static_attributes__",
            "__abstractmethods__",
            "__slotnames__",
        }
        members = {k: v for k, v in sorted(vars(value).items()) if k not in skipped}
        inner = ", ".join(f"{k}={self._write(v, f'{place}.{k}')}" for k, v in members.items())
        bases = [self._write(base, f"{place}.base") for base in value.__bases__]
        return f"class {_name(value)}({bases}, {_name(type(value))}) {{{inner}}}"

    def _method(self, value: Any, place: str) -> str:
        target = getattr(value, "__self__", None)
        return f"method {getattr(value, '__name__', '?')} of {self._write(target, place + '.self')}"

    def _wrapper(self, value: Any, place: str) -> str:
        if isinstance(value, property):
            parts = [value.fget, value.fset, value.fdel]
        else:
            parts = [value.__func__]
        return f"{type(value).__name__}({self._items(parts, place)})"

    def _array(self, value: Any, place: str) -> str:
        if value.dtype.hasobject or value.dtype.names:  # padding between fields is not content
            content = str(self._items(value.ravel().tolist(), place))
        else:
            content = (
                hashlib.sha256(value.tobytes()).hexdigest()[:16] + f" {value.ravel()[:6].tolist()}"
            )
        shared = self._sharing(value, place)
        mask = getattr(value, "mask", None)
        more = "" if mask is None else f" mask {mask!r}"
        return f"{_name(type(value))} {value.dtype} {value.shape} {content}{shared}{more}{'' if value.flags.writeable else ' read-only'}{self._state(value, place)}"

    def _sharing(self, value: Any, place: str) -> str:
        """The first arrays met that this one shares memory with."""
        import numpy as np

        if value.size == 0:
            return ""
        shared = [where for other, where in self.memory if np.may_share_memory(other, value)]
        self.memory.append((value, place))
        return f" shares {shared[0]}" if shared else ""

    def _tensor(self, value: Any, place: str) -> str:
        data = value.detach().cpu()
        content = str(data.tolist())
        pointer = value.untyped_storage().data_ptr()
        shared = ""
        if pointer:
            first = self.storages.setdefault(pointer, place)
            shared = f" shares {first}" if first != place else ""
        grad = (
            self._write(value.grad, place + ".grad")
            if value.is_leaf and value.grad is not None
            else ""
        )
        graph = "" if value.grad_fn is None else f" {type(value.grad_fn).__name__}"
        return f"{_name(type(value))} {value.dtype} {tuple(value.shape)} {value.device} {value.requires_grad} {_short(content)} {content[:60]}{graph}{shared} {grad}"

    def _frame(self, value: Any, place: str) -> str:
        columns = [self._series(value.iloc[:, i], place) for i in range(value.shape[1])]
        return f"DataFrame {self._index(value.columns, place)} {self._index(value.index, place)} {columns} attrs {value.attrs!r}"

    def _series(self, value: Any, place: str) -> str:
        content = self._items(value.tolist(), place)
        return f"Series {value.name!r} {value.dtype} {_short(str(content))} {content[:4]} {self._index(value.index, place)}"

    def _index(self, value: Any, place: str) -> str:
        content = str(value.tolist())
        freq = getattr(value, "freqstr", None)
        return f"{type(value).__name__} {value.dtype} {list(value.names)} {_short(content)} {content[:60]} {freq}"

    def _polars(self, value: Any, place: str) -> str:
        if type(value).__name__ == "LazyFrame":
            return f"LazyFrame {_short(value.explain())}"
        if type(value).__name__ == "Series":
            return f"polars {value.name} {value.dtype} {value.to_list()!r}"
        return f"polars {value.schema!r} {_short(repr(value.rows()))} {value.rows()[:3]}"

    def _figure(self, value: Any, place: str) -> str:
        axes = value.axes if hasattr(value, "axes") and isinstance(value.axes, list) else []
        size = value.get_size_inches().tolist()
        return f"Figure {size} {[self._write(a, f'{place}.axes[{i}]') for i, a in enumerate(axes)]}"

    def _axes(self, value: Any, place: str) -> str:
        lines = [_short(repr(line.get_xydata().tolist())) for line in value.lines]
        return f"Axes {value.get_title()!r} {value.get_xlabel()!r} {value.get_xlim()} {lines} {len(value.patches)} {len(value.collections)} {len(value.texts)}"

    def _artist(self, value: Any, place: str) -> str:
        return f"{_name(type(value))}"

    def _exception(self, value: BaseException, place: str) -> str:
        cause, context = type(value.__cause__).__name__, type(value.__context__).__name__
        return f"{_name(type(value))}{self._items(value.args, place)} from {cause} in {context} {self._state(value, place)}"

    def _partial(self, value: Any, place: str) -> str:
        return f"partial({self._items([value.func, value.args, value.keywords], place)})"

    def _random(self, value: Any, place: str) -> str:
        return f"{_name(type(value))} {self._write(value.getstate(), place + '.state')}"

    def _generator(self, value: Any, place: str) -> str:
        state = (
            value.bit_generator.state
            if hasattr(value, "bit_generator")
            else value.get_state(legacy=False)
        )
        return f"{_name(type(value))} {self._write(state, place + '.state')}"

    def _named(self, value: Any, place: str) -> str:
        return f"{type(value).__name__} {_cleaned(repr(value))}"

    def _opaque(self, value: Any, place: str) -> str:
        return f"a {type(value).__name__}"

    def _object(self, value: Any, place: str) -> str:
        kind = type(value)
        own = self._write(kind, f"type({place})") if kind.__module__ == "__main__" else ""
        if hasattr(value, "__dict__") or _has_slots(kind):
            base = self._builtin_content(value, place)
            return f"{_name(kind)} {own}{base}{self._state(value, place)}"
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:
            return f"{_name(kind)} {_cleaned(repr(value))}"
        if isinstance(reduced, str):
            return f"{_name(kind)} {reduced}"
        parts = [list(p) if hasattr(p, "__next__") else p for p in reduced[1:]]
        return f"{_name(kind)} reduced {self._items(parts, place + '.reduced')}"

    def _builtin_content(self, value: Any, place: str) -> str:
        for plain in (int, float, str, bytes, tuple):
            if isinstance(value, plain):
                return self._write(plain(value), place)
        return ""


def _is(*names: str) -> Any:
    """A test for instances of classes that need not be imported: ``package.Class`` names."""

    def test(value: Any) -> bool:
        found = {f"{k.__module__.partition('.')[0]}.{k.__name__}" for k in type(value).__mro__}
        return not found.isdisjoint(names)

    return test


def _instance(*kinds: type) -> Any:
    return lambda value: isinstance(value, kinds)


_LAZY = (
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    type(iter([])),
    type(iter({})),
    type(iter(range(0))),
    zip,
    map,
    filter,
    enumerate,
)
_WRITERS: list[tuple[Any, Any]] = [
    (_instance(types.ModuleType), lambda w, v, p: f"module {v.__name__}"),
    (_instance(types.FunctionType), _Writer._function),
    (_instance(type), _Writer._class),
    (_instance(types.MethodType, types.BuiltinFunctionType), _Writer._method),
    (_instance(types.MemberDescriptorType, types.GetSetDescriptorType), _Writer._opaque),
    (_instance(property, staticmethod, classmethod), _Writer._wrapper),
    (_instance(*_LAZY), _Writer._opaque),
    (_is("numpy.ndarray"), _Writer._array),
    (_is("numpy.Generator", "numpy.RandomState"), _Writer._generator),
    (_is("numpy.generic", "numpy.dtype", "numpy.ufunc"), _Writer._named),
    (_is("torch.Tensor"), _Writer._tensor),
    (
        _is("torch.Generator"),
        lambda w, v, p: f"Generator {_short(str(v.get_state().tolist()))}",
    ),
    (_is("torch.dtype", "torch.device", "torch.Size"), _Writer._named),
    (_is("pandas.DataFrame"), _Writer._frame),
    (_is("pandas.Series"), _Writer._series),
    (_is("pandas.Index"), _Writer._index),
    (_is("pandas.DataFrameGroupBy", "pandas.SeriesGroupBy"), _Writer._artist),
    (_is("pandas.ExtensionArray"), lambda w, v, p: f"{type(v).__name__} {v.tolist()!r}"),
    (_is("pandas.BaseOffset", "pandas.Timestamp", "pandas.Timedelta"), _Writer._named),
    (
        _is("polars.DataFrame", "polars.Series", "polars.LazyFrame", "polars.Expr"),
        _Writer._polars,
    ),
    (_is("matplotlib.Figure"), _Writer._figure),
    (_is("matplotlib._AxesBase"), _Writer._axes),
    (_is("matplotlib.Artist", "matplotlib.BarContainer"), _Writer._artist),
    (_is("random.Random"), _Writer._random),
    (_is("functools.partial"), _Writer._partial),
    (
        _is(
            "asyncio.Task",
            "_asyncio.Task",
            "_asyncio.Future",
            "_thread.lock",
            "_thread.RLock",
            "threading.Thread",
            "_io._IOBase",
            "IPython.DisplayHandle",
            "sqlite3.Connection",
            "sqlite3.Cursor",
            "logging.Logger",
            "weakref.ReferenceType",
            "IPython.CapturedIO",
            "IPython.InteractiveShell",
            "IPython.TimeitResult",
            "threading.local",
            "threading.Event",
        ),
        _Writer._opaque,
    ),
    (_instance(BaseException), _Writer._exception),
    (_instance(list), _Writer._list),
    (_is("collections.deque"), _Writer._list),
    (_instance(dict), _Writer._dict),
    (_instance(set, frozenset), _Writer._set),
    (_instance(bytearray, range, slice, memoryview, types.CodeType), _Writer._named),
    (_is("pathlib.PurePath", "datetime.tzinfo", "re.Pattern", "re.Match"), _Writer._named),
]


def _name(kind: Any) -> str:
    return f"{getattr(kind, '__module__', '?')}.{getattr(kind, '__qualname__', kind)}"


def _has_slots(kind: type) -> bool:
    return any("__slots__" in base.__dict__ for base in kind.__mro__[:-1])


def _cell_content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"


def _constant(value: Any) -> str:
    """A constant of a code object; frozen sets have no order."""
    return str(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _cleaned(text: str) -> str:
    return _ADDRESS.sub("0x…", text)
