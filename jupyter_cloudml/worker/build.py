"""The zipapp: everything that the far end needs in one file, which a bare Python 3.10 or newer runs."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

from ..journal.atomic import write_atomic

_PACKAGE = Path(__file__).parent.parent
_ROOMS = ("core", "wire", "journal", "stores", "streaming", "prep", "worker")
_NOT_SHIPPED = frozenset(
    {
        "journal/registry.py",
        "journal/job_filter.py",
        "journal/rebuild.py",
        "journal/prune.py",
        "journal/migrations.py",
        "journal/database.py",
        "journal/rows.py",
    }
)
_MAIN = b"from jupyter_cloudml.worker.__main__ import main\nraise SystemExit(main())\n"
_SHEBANG = b"#!/usr/bin/env python3\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def build_zipapp(dest: Path | str) -> Path:
    """Write ``worker.pyz`` to ``dest`` and return its path. The same code makes the same bytes.

    A ``dest`` that is this version's already is left alone, so calling it before every launch is cheap; a half-written
    file is never seen. Carries a copy of cloudpickle.
    """
    dest = Path(dest)
    files = _files()
    stamp = dest.with_name(f".{dest.name}.sources")
    key = _key(files)
    if dest.exists() and stamp.exists() and stamp.read_text() == key:
        return dest
    write_atomic(dest, _SHEBANG + _zipped(files), mode=0o700)
    write_atomic(stamp, key.encode())
    return dest


def _files() -> dict[str, Path]:
    """Archive names and the files behind them."""
    found = {"jupyter_cloudml/__init__.py": _PACKAGE / "__init__.py"}
    for room in _ROOMS:
        for path in sorted((_PACKAGE / room).rglob("*.py")):
            name = path.relative_to(_PACKAGE).as_posix()
            if name not in _NOT_SHIPPED:
                found[f"jupyter_cloudml/{name}"] = path
    import cloudpickle

    vendored = Path(cloudpickle.__file__).parent
    for path in sorted(vendored.glob("*.py")):
        found[f"cloudpickle/{path.name}"] = path
    return found


def _key(files: dict[str, Path]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, path in sorted(files.items()):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _zipped(files: dict[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in [("__main__.py", _MAIN)] + [
            (name, path.read_bytes()) for name, path in sorted(files.items())
        ]:
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()
