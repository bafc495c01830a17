"""A notebook at home and a far end in another process."""

from __future__ import annotations

import json
import linecache
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.wire import (
    Applied,
    BlobStore,
    Departure,
    Encoded,
    apply_delta,
    decode,
    encode,
)
from jupyter_cloudml.wire.meanwhile import Meanwhile


class FarProcess:
    """One Python that forks a fresh far end for each trip, so that a test does not pay for imports."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("far.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), "cloudpickle", "numpy", "pandas", "torch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"},
        )

    def run(self, **request: Any) -> None:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["ok"], answer["error"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@dataclass
class Notebook:
    """A namespace at home. ``far`` runs a cell at the far end and brings its result back."""

    folder: Path
    process: FarProcess
    ns: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    cells: int = 0
    encoded: Encoded | None = None
    result: dict[str, Any] = field(default_factory=dict)

    def home(self, cell: str) -> dict[str, Any]:
        """Run a cell here, with its source known to ``linecache`` as IPython does."""
        self.cells += 1
        source = textwrap.dedent(cell)
        name = f"<{self.folder.name}-{self.cells}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        exec(compile(source, name, "exec"), self.ns)
        return self.ns

    def far(self, cell: str, *names: str, meanwhile: str | None = None, **request: Any) -> Applied:
        """Run a cell there with ``names`` captured (all names of the notebook unless given).

        ``meanwhile`` is a cell that runs at home after the values have travelled and before the result is back.
        """
        self.cells += 1
        folder = self.folder / str(self.cells)
        hidden = {"__name__", "__builtins__"}
        wanted = names or tuple(name for name in self.ns if name not in hidden)
        self.encoded = encode(
            {name: self.ns[name] for name in wanted},
            namespace=self.ns,
            blobs=BlobStore(folder / "bundle"),
        )
        folder.mkdir(exist_ok=True)
        (folder / "bundle.json").write_text(json.dumps(self.encoded.manifest))
        departure = Departure.note(self.encoded, self.ns, request.pop("binds", ()))
        self.process.run(folder=str(folder), cell=textwrap.dedent(cell), **request)
        self.result = json.loads((folder / "result.json").read_text())
        result = BlobStore(folder / "result")
        if meanwhile is None:
            return apply_delta(self.result, self.encoded, self.ns, result)
        self.home(meanwhile)
        beside: dict[str, Any] = {"__name__": "__main__"}
        blobs = BlobStore(folder / "bundle")
        then = decode(self.encoded.manifest, namespace=beside, blobs=blobs, watch=False)
        keeper = Meanwhile(
            home=self.encoded,
            then=then,
            then_namespace=beside,
            namespace=self.ns,
            departure=departure,
        )
        return apply_delta(self.result, self.encoded, self.ns, result, meanwhile=keeper)


@pytest.fixture(scope="session")
def far_process() -> Iterator[FarProcess]:
    process = FarProcess()
    yield process
    process.close()


@pytest.fixture
def nb(tmp_path: Path, far_process: FarProcess) -> Notebook:
    return Notebook(tmp_path, far_process)
