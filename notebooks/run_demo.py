"""`make demo`: execute the quickstart with papermill, then say what came of it and where everything is.

The executed notebook ends with one JSON output of type ``application/vnd.cloudml.demo+json``; nothing that is
printed here was computed here.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import papermill

HERE = Path(__file__).resolve().parent
FACTS = "application/vnd.cloudml.demo+json"
REQUIRED_ACCURACY = 0.97


def main() -> int:
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    folder = HERE.parent / ".demo"
    folder.mkdir(exist_ok=True)
    executed = folder / "quickstart.ipynb"
    with tempfile.TemporaryDirectory(prefix="cloudml-demo-") as scratch:
        papermill.execute_notebook(
            HERE / "quickstart.ipynb",
            executed,
            parameters={"data_dir": scratch},
            kernel_name="python3",
            cwd=HERE,
            progress_bar=sys.stderr.isatty(),
        )
    facts = facts_of(executed)
    tell(facts, executed)
    return 0 if facts["accuracy"] >= REQUIRED_ACCURACY else 1


def facts_of(notebook: Path) -> dict[str, Any]:
    """What the notebook's last cell reported."""
    for cell in reversed(nbformat.read(notebook, as_version=4).cells):
        for output in cell.get("outputs", []):
            if FACTS in output.get("data", {}):
                return dict(output["data"][FACTS])
    raise SystemExit(
        f"{notebook} holds no {FACTS} output: the notebook did not reach its last cell"
    )


def tell(facts: dict[str, Any], executed: Path) -> None:
    mark = "ok" if facts["accuracy"] >= REQUIRED_ACCURACY else f"below {REQUIRED_ACCURACY}"
    print(f"""
accuracy            {facts["accuracy"]:.4f} on {facts["held_out"]} held-out digits ({mark})
job                 {facts["job_id"]}  {facts["state"]} on {facts["target"]}, {facts["seconds"]:.1f} s
  its folder        {facts["folder"]}
  its output again  .venv/bin/jupyter cloudml logs {facts["job_id"]}
MLflow run          {facts["run_id"]}  in experiment {facts["experiment"]!r}, model {facts["model_uri"]}
  open it           .venv/bin/jupyter cloudml ui
executed notebook   {executed}
  open it           make lab""")


if __name__ == "__main__":
    sys.exit(main())
