"""What the extension costs a Jupyter server at its start: in a fresh process, without it and with it, by turns."""

from __future__ import annotations

import os
import sys

from .harness import machine, median, note, report, run, scratch

ROUNDS = 5
_START = """
import sys, time
from jupyter_server.serverapp import ServerApp
begun = time.perf_counter()
extensions = {name: True for name in sys.argv[1].split(",") if name}
app = ServerApp(jpserver_extensions=extensions, port=0, open_browser=False)
app.initialize(argv=["--ServerApp.allow_root=True"], find_extensions=False)
print(time.perf_counter() - begun)
print("mlflow" in sys.modules, "torch" in sys.modules, "jupyter_cloudml.client.job" in sys.modules)
app.http_server.stop()
"""


def main() -> None:
    """Start servers by turns, so that a busy moment of the machine hits all alike."""
    kinds = {"bare": "", "ours": "jupyter_cloudml"}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    with scratch() as folder:
        env = {"CLOUDML_HOME": str(folder / "home"), "JUPYTER_CONFIG_DIR": str(folder), **_quiet()}
        for number in range(ROUNDS):
            note(f"server start {number + 1}/{ROUNDS}")
            for kind, extension in kinds.items():
                said = run([sys.executable, "-c", _START, extension], cwd=folder, env=env)
                took, *loaded = said.split()
                if "True" in loaded:
                    raise RuntimeError(f"too much is loaded at start: {loaded}")
                times[kind].append(1e3 * float(took))
    bare = median(times["bare"])
    ours = median(times["ours"]) - bare
    report(
        "server: start, added by the extension",
        ours,
        unit="ms",
        at_most=150.0,
        bare=bare,
        **machine(),
    )


def _quiet() -> dict[str, str]:
    return {"PYTHONWARNINGS": "ignore", "PATH": os.environ["PATH"]}


if __name__ == "__main__":
    main()
