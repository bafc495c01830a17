"""What cannot travel is refused by name and path, with the way out; what nobody asked for is left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import CannotTravel, Corrupt, FarSideError, TooLarge
from jupyter_cloudml.wire import BlobStore, Limits, apply_delta, decode, encode, encode_delta

ROOT = Path(__file__).parents[2]
REFUSED = {
    "generator": ("x = (i for i in [1])", "x", "a generator", "list"),
    "lock in a dict": ("import threading\nx = {'f': threading.Lock(), 'a': [threading.Lock()]}\nx['a'][0].acquire()", r"x\['a'\]\[0\]", "a lock", "in the cell"),
    "file in an object": ("class C: pass\nx = C(); x.log = open('/dev/null')", r"x\.log", "an open file", "path"),
    "binary file": ("x = open('/dev/null', 'rb')", "x", "an open file", "path"),
    "socket": ("import socket\nx = [socket.socket()]", r"x\[0\]", "an open socket", "connect"),
    "thread": ("import threading\nx = threading.Thread()", "x", "a thread", "start it"),
    "database": ("import sqlite3, tempfile\nx = sqlite3.connect(tempfile.mkdtemp() + '/x.db')\nx.execute('create table t (a)'); x.execute('insert into t values (1)')", "x", "a database in the middle", "commit"),
    "closure": ("def make():\n    g = (i for i in [1])\n    return lambda: g\nx = make()", r"x\.<g>", "a generator", "list"),
    "coroutine": ("async def f(): pass\nx = f()", "x", "a coroutine", "await"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_value_that_cannot_travel_is_refused_by_name_and_path_with_the_way_out(tmp_path, case):
    setup, path, what, way_out = REFUSED[case]
    ns = {"__name__": "__main__"}
    exec(setup, ns)
    try:
        with pytest.raises(
            CannotTravel,
            match=rf"'x' cannot travel.*{path}.*{what}|'x' cannot travel: it is {what}",
        ) as caught:
            encode({"fine": 1, "x": ns["x"]}, namespace=ns, blobs=BlobStore(tmp_path))
        assert way_out in caught.value.hint
    finally:
        value = ns["x"]
        value = value[0] if case == "socket" else getattr(value, "log", value)
        if hasattr(value, "close"):
            value.close()


def test_name_that_only_a_function_reads_is_left_out_with_a_reason(tmp_path):
    ns = {"__name__": "__main__"}
    exec(
        "import threading\nlock = threading.Lock(); lock.acquire()\nk = [2]\ndef f(): return lock, k\ng = [f]",
        ns,
    )
    encoded = encode({"g": ns["g"]}, namespace=ns, blobs=BlobStore(tmp_path))
    assert "a lock" in encoded.left_out["lock"]
    far = {}
    decode(encoded.manifest, namespace=far, blobs=BlobStore(tmp_path))
    assert far["k"] == [2]
    assert "lock" not in far
    assert {r.name: r.via for r in encoded.report} == {"g": "", "k": "f"}


def test_values_above_the_limit_are_refused_by_the_largest_name(tmp_path):
    with pytest.raises(TooLarge, match="largest is 'b'"):
        encode(
            {"a": b"x" * 6000, "b": bytearray(2 << 20)},
            namespace={},
            blobs=BlobStore(tmp_path),
            limits=Limits(max_bytes=1 << 20),
        )


def test_untrusted_bundle_gives_typed_values_and_refuses_pickle(tmp_path):
    import numpy as np

    blobs = BlobStore(tmp_path)
    typed = encode({"a": np.arange(3), "n": 1, "np": np}, namespace={}, blobs=blobs)
    far = {}
    decode(typed.manifest, namespace=far, blobs=blobs, trusted=False)
    assert far["a"].tolist() == [0, 1, 2]
    pickled = encode({"n": 1, "d": {"a": 1}}, namespace={}, blobs=blobs)
    far = {}
    with pytest.raises(FarSideError, match="'d' is stored as pickle"):
        decode(pickled.manifest, namespace=far, blobs=blobs, trusted=False)
    assert far == {}


@pytest.mark.parametrize("key", ["stream", "regions", "leaves"])
def test_damaged_manifest_is_corrupt_and_binds_nothing(tmp_path, key):
    import numpy as np

    blobs = BlobStore(tmp_path)
    manifest = encode({"a": np.arange(3), "d": {"a": 1}}, namespace={}, blobs=blobs).manifest
    del manifest[key]
    far = {}
    with pytest.raises(Corrupt):
        decode(manifest, namespace=far, blobs=blobs)
    assert far == {}


def test_result_can_be_applied_to_a_bundle_decoded_in_another_process(nb):
    nb.home("class C:\n    v = 1\na = [1]; c = C(); pair = {'a': a, 'c': c}")
    nb.far("a.append(2); c.v = 5; new = [a]")
    folder = nb.folder / str(nb.cells)
    script = f"""
import json
from pathlib import Path
from jupyter_cloudml.wire import *
folder = Path({str(folder)!r})
ns = {{'__name__': '__main__'}}
home = decode(json.loads((folder / 'bundle.json').read_text()), namespace=ns, blobs=BlobStore(folder / 'bundle'))
apply_delta(json.loads((folder / 'result.json').read_text()), home, ns, BlobStore(folder / 'result'))
print(ns['pair']['a'], ns['pair']['c'].v, ns['new'][0] is ns['a'])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[1, 2] 5 True\n", done.stderr


def _other_python() -> str | None:
    for version in ("3.10.13", "3.12.1", "3.13.0"):
        path = f"/root/.pyenv/versions/{version}/bin/python"
        if os.access(path, os.X_OK):
            return path
    return None


def test_portable_bundle_runs_under_another_python_without_our_dependencies(nb, tmp_path):
    import shutil

    import cloudpickle

    python = _other_python()
    if python is None:
        pytest.skip("no other Python on this machine")
    package = tmp_path / "lib" / "jupyter_cloudml"
    for room in ("core", "wire"):
        shutil.copytree(
            ROOT / "jupyter_cloudml" / room,
            package / room,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    (package / "__init__.py").write_text("")
    shutil.copytree(Path(cloudpickle.__file__).parent, tmp_path / "lib" / "cloudpickle")
    nb.home(
        """
        import functools
        rate = 3
        log = []
        def logged(f):
            @functools.wraps(f)
            def inner(*args):
                log.append(f.__name__)
                return f(*args)
            return inner
        @logged
        def pay(n): return n * rate
        class Base:
            def name(self): return 'base'
        class Job(Base):
            def name(self): return super().name() + '+job'
        job = Job(); double = lambda v: v * 2
        """
    )
    nb.home("text = 'x' * 100_000")
    blobs = BlobStore(tmp_path / "blobs")
    names = ("pay", "job", "log", "double", "text")
    encoded = encode({n: nb.ns[n] for n in names}, namespace=nb.ns, blobs=blobs, portable=True)
    (tmp_path / "bundle.json").write_text(json.dumps(encoded.manifest))
    script = tmp_path / "far.py"
    script.write_text(
        f"""
import json, sys
sys.path.insert(0, {str(tmp_path / "lib")!r})
from pathlib import Path
from jupyter_cloudml.wire import *
here = Path({str(tmp_path)!r})
ns = {{'__name__': '__main__'}}
decoded = decode(json.loads((here / 'bundle.json').read_text()), namespace=ns, blobs=BlobStore(here / 'blobs'))
ns['rate'] = 5
ns['got'] = (ns['pay'](2), ns['job'].name(), ns['double'](4), len(ns['text']), sys.version_info[:2])
ns['job'].done = True
delta = encode_delta(decoded, ns, bound={{k: ns[k] for k in ('rate', 'got')}}, deleted=[], blobs=BlobStore(here / 'result'), portable=True)
(here / 'result.json').write_text(json.dumps(delta))
"""
    )
    done = subprocess.run([python, "-I", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    apply_delta(
        json.loads((tmp_path / "result.json").read_text()),
        encoded,
        nb.ns,
        BlobStore(tmp_path / "result"),
    )
    assert nb.ns["got"][:4] == (10, "base+job", 8, 100_000)
    assert nb.ns["got"][4] != sys.version_info[:2]
    assert nb.ns["log"] == ["pay"]
    assert nb.ns["job"].done
    assert nb.ns["pay"](1) == 5


def test_importing_wire_loads_nothing_outside_the_standard_library():
    script = (
        "import sys, jupyter_cloudml.wire as w\n"
        "w.encode({'a': 1}, namespace={}, blobs=None)\n"
        "print([m for m in ('numpy', 'torch', 'pandas', 'cloudpickle') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_delta_of_an_untouched_bundle_is_empty(tmp_path):
    blobs = BlobStore(tmp_path)
    encoded = encode({"a": [1, {"b": 2}]}, namespace={}, blobs=blobs)
    far = {}
    decoded = decode(encoded.manifest, namespace=far, blobs=blobs)
    delta = encode_delta(decoded, far, bound={}, deleted=[], blobs=blobs)
    assert delta["patches"] == []
    assert delta["names"] == {}
