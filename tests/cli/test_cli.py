from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_cloudml.agent import nudge as agent
from jupyter_cloudml.cli.main import VERBS, main
from jupyter_cloudml.cli.verbs import _write_values
from jupyter_cloudml.client import programs
from jupyter_cloudml.core.errors import BadInput, Unavailable
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.lease import lease_holder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataHome]:
    """A data directory with an agent that starts quickly and forwards nothing."""
    patch = pytest.MonkeyPatch()
    root = tmp_path_factory.mktemp("home")
    for name, value in {
        "CLOUDML_HOME": str(root),
        "CLOUDML_PRELOAD": "none",
        "CLOUDML_FORWARDER": "0",
    }.items():
        patch.setenv(name, value)
    made = DataHome(root)
    yield made
    with contextlib.suppress(Unavailable):
        agent.request(made, {"op": "stop"})
    deadline = time.monotonic() + 20
    while lease_holder(made.agent_lock) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    patch.undo()


class Sent:
    id, home = "0" * 12, None


@pytest.fixture
def cli(home, capsys):
    """Run a command; its exit code, what it printed, and what it said on stderr."""

    def run(*words: str):
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def job(cli):
    """The id of a job that has ended."""
    code, out, _ = cli("run", "-c", "print('said')\nvalue = [1, 2]", "--name", "fitted", "--json")
    assert code == 0
    return json.loads(out)["id"]


def test_run_shows_the_output_and_its_exit_code_tells_the_end(cli):
    code, out, err = cli("run", "-c", "print('hello there')")
    assert (code, out) == (0, "hello there\n")
    assert err.startswith("SUCCEEDED job")
    code, _, err = cli("run", "-c", "1/0")
    assert code == 1
    assert "ZeroDivisionError" in err


def test_a_script_is_main_and_has_its_arguments_and_file(cli, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import sys\nif __name__ == '__main__':\n    print(sys.argv[1:], __file__.endswith('train.py'))\n"
    )
    assert cli("run", str(script), "--", "--epochs", "3")[1] == "['--epochs', '3'] True\n"
    assert cli("run", str(script))[0] == 0


def test_a_script_finds_the_modules_beside_it_and_its_lines_keep_their_numbers(cli, tmp_path):
    (tmp_path / "beside_the_script.py").write_text("value = 7\n")
    script = tmp_path / "train.py"
    script.write_text(
        "from __future__ import annotations\nimport sys, beside_the_script\n"
        "print(beside_the_script.value, sys.argv, sys._getframe().f_lineno)\n"
    )
    assert cli("run", str(script), "--", "a")[1] == f"7 {[str(script), 'a']} 3\n"
    assert cli("run", str(script))[1] == f"7 {[str(script)]} 3\n"


def test_a_notebook_gets_the_parameters_of_the_file_and_p_wins(tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text("lr: 0.5\nepochs: 3\nlabel: '1'\n")
    notebook = tmp_path / "n.ipynb"
    notebook.write_text("{}")
    sent = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "launch", lambda _, source, *rest: sent.append(source) or Sent())
        programs.submit_program(
            file=str(notebook),
            code="",
            output="",
            arguments=(),
            words={"params_file": str(params), "params": {"lr": 0.1}},
        )
    assert ", {'lr': 0.1, 'epochs': 3, 'label': '1'})\n" in sent[0].text


def test_a_notebook_gets_dates_as_text_and_odd_numbers_and_stays_json(cli, tmp_path):
    source = "day = none = worst = 0"
    cells = [
        {"id": "a", "cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source},
        {"id": "b", "cell_type": "code", "metadata": {}, "source": "print(day, none, worst)"},
    ]
    for cell in cells:
        cell |= {"outputs": [], "execution_count": None}
    kernel = {"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "n.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "p.yaml").write_text("day: 2020-01-31\nnone: .nan\nworst: [-.inf]\n")
    code, _, err = cli("run", str(tmp_path / "n.ipynb"), "-f", str(tmp_path / "p.yaml"))
    assert code == 0, err
    text = (tmp_path / "n.executed.ipynb").read_text()
    assert "NaN" not in re.sub('"[^"]*"', "", text)
    assert "2020-01-31 nan [-inf]" in text


def test_jobs_are_listed_as_text_and_json(cli, job):
    code, out, _ = cli("jobs")
    assert code == 0
    assert job in out
    rows = json.loads(cli("jobs", "fitted", "--json")[1])
    assert job in [row["id"] for row in rows]
    assert cli("jobs", "--state", "nonsense")[0] == 2


def test_logs_and_attach_replay_what_was_printed(cli, job):
    assert cli("logs", job)[1] == "said\n"
    assert cli("attach", job)[:2] == (0, "said\n")
    assert json.loads(cli("logs", job, "--json")[1])["outputs"][0]["text"] == "said\n"


def test_pull_writes_values_to_a_file(cli, job, tmp_path):
    file = tmp_path / "v.pkl"
    code, out, _ = cli("pull", job, "-o", "value", "--to", str(file), "--json")
    assert code == 0
    assert json.loads(out)["values"] == {"value": "[1, 2]"}
    assert pickle.loads(file.read_bytes()) == {"value": [1, 2]}


def test_pull_that_cannot_write_is_one_line_and_leaves_nothing(cli, job, tmp_path):
    assert cli("pull", job, "--to", str(tmp_path))[0] == 2
    assert cli("pull", job, "--to", str(tmp_path / "none" / "v.pkl"))[0] == 3
    with pytest.raises(BadInput, match="cannot be written"):
        _write_values(tmp_path / "v.pkl", {"lock": threading.Lock()})
    assert list(tmp_path.iterdir()) == []


def test_retry_runs_the_job_again_and_cancel_stops_a_running_one(cli, job):
    assert cli("cancel", job)[1] == f"job {job} has ended already: SUCCEEDED\n"
    assert "attempt 2" in cli("retry", job)[1]
    assert cli("attach", job)[0] == 0
    running = cli("run", "-c", "import time\nwhile True: time.sleep(0.01)", "--detach")[1].strip()
    assert cli("cancel", running)[0] == 0
    assert cli("attach", running)[0] == 1
    assert json.loads(cli("cancel", running, "--json")[1])["state"] == "CANCELLED"


def test_doctor_finds_a_healthy_machine_and_names_a_sick_one(cli, monkeypatch):
    code, out, _ = cli("doctor", "--json")
    assert {check["name"] for check in json.loads(out)} >= {
        "agent",
        "registry",
        "disk",
        "tracking",
        "gpus",
    }
    assert code == 0
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    tracking = next(c for c in json.loads(cli("doctor", "--json")[1]) if c["name"] == "tracking")
    assert tracking["level"] == "warn"
    assert "MLFLOW_TRACKING_URI" in tracking["hint"]
    for uri in ("http://me:hidden@127.0.0.1:9", "postgresql://me:hidden@db/mlflow"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert "hidden" not in str(cli("doctor", "--json") + cli("ui", "--json"))


def test_prune_needs_a_limit_and_can_be_tried(cli, job, home):
    assert cli("prune")[0] == 2
    assert (
        json.loads(cli("prune", "--older-than", "1000d", "--dry-run", "--json")[1])["removed"] == []
    )
    assert home.job(job).root.exists()


def test_targets_and_ui_say_what_they_would_do(cli, home):
    assert "local" in json.loads(cli("targets", "--json")[1])["targets"]
    answer = json.loads(cli("ui", "--port", "5055", "--json")[1])
    assert answer["url"] == "http://127.0.0.1:5055"
    assert f"sqlite:///{home.mlflow_db}" in answer["argv"]


def test_the_agent_can_be_asked_and_stopped(cli):
    cli("run", "-c", "1")
    assert json.loads(cli("agent", "status", "--json")[1])["running"] is True
    assert cli("agent", "dance")[0] == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("jbos",), "did you mean jobs?"),
        (("logs",), "needs a job"),
        (("run",), "one script"),
        (("run", "nosuch.py"), "cannot be read"),
        (("run", "-c", "1", "--gpuz", "1"), "did you mean --gpus?"),
        (("run", "-c", "1", "--on", "mars"), "no target kind 'mars'"),
        (("logs", "zzzz"), "no job 'zzzz'"),
    ],
)
def test_a_mistake_is_one_line_and_code_2_in_text_and_json(cli, words, says):
    code, _, err = cli(*words)
    assert code == 2
    assert says in err
    assert len(err.splitlines()) == 1
    error = json.loads(cli(*words, "--json")[1])["error"]
    assert says in f"{error['message']} {error['hint']}"


def test_every_verb_has_help(cli):
    for verb in VERBS:
        code, out, _ = cli(verb.name, "--help")
        assert code == 0
        assert verb.help in out
    assert cli("--help")[0] == 0


def test_a_read_only_home_is_said_in_one_line(monkeypatch, capsys, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("CLOUDML_HOME", str(file / "home"))
    assert main(["jobs"]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert Path(os.environ["CLOUDML_HOME"]).exists() is False
