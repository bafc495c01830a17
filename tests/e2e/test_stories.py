"""Whole stories: notebooks run by papermill, nbclient and the command line; kernels that come and go around a job."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import nbclient
import nbformat
import papermill
import pytest

from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.outputs import outputs
from jupyter_cloudml.journal.prune import prune
from jupyter_cloudml.journal.reader import read_events
from jupyter_cloudml.journal.registry import Registry

from .kernels import MIME, answer, cli, environment, stop_agent


@pytest.fixture
def of_this_home(root, monkeypatch):
    """This process's own environment is that of the kernels it starts."""
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "CLOUDML_")):
            monkeypatch.delenv(name)
    for name, value in environment(root).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(root.parent)


def _written(path, *cells):
    book = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}}
    )
    book.cells = [nbformat.v4.new_code_cell(text) for text in ("%load_ext jupyter_cloudml", *cells)]
    nbformat.write(book, path)
    return path


def test_papermill_runs_a_notebook_and_its_outputs_are_the_cells_own(root, of_this_home):
    source = _written(
        root.parent / "good.ipynb",
        "items = [1]",
        "%%cloudtrain\nprint('there')\nitems.append(2)\ntotal = sum(items)",
        "print(items, total)",
    )
    done = papermill.execute_notebook(source, root.parent / "o.ipynb", progress_bar=False)
    cell = done.cells[2]
    assert [o.text for o in cell.outputs if o.output_type == "stream"] == ["there\n"]
    assert any(MIME in o.get("data", {}) for o in cell.outputs)
    assert done.cells[3].outputs[0].text == "[1, 2] 3\n"


def test_papermill_and_nbclient_fail_with_the_cells_own_error(root, of_this_home):
    source = _written(root.parent / "bad.ipynb", "%%cloudtrain\nraise KeyError('gone')")
    with pytest.raises(papermill.PapermillExecutionError) as failed:
        papermill.execute_notebook(source, root.parent / "o.ipynb", progress_bar=False)
    assert (failed.value.ename, failed.value.evalue) == ("KeyError", "'gone'")
    book = nbformat.read(source, 4)
    with pytest.raises(nbclient.exceptions.CellExecutionError) as failed:
        nbclient.NotebookClient(book, timeout=60).execute()
    assert (failed.value.ename, failed.value.evalue) == ("KeyError", "'gone'")


def test_the_command_line_runs_a_notebook(root):
    _written(root.parent / "plain.ipynb", "print(6 * 7)")
    done = cli(root, "run", "plain.ipynb", "--output", "plain.out.ipynb")
    assert done.returncode == 0, done.stderr
    book = nbformat.read(root.parent / "plain.out.ipynb", 4)
    assert book.cells[-1].outputs[0].text == "42\n"


def test_an_interrupt_in_batch_cancels_the_job(notebook):
    running = notebook.start("%%cloudtrain\nimport time\nprint('on')\nwhile True: time.sleep(0.01)")
    notebook.wait_for(running, "on\n")
    notebook.manager.interrupt_kernel()
    ran = notebook.finish(running)
    assert ran.status == "error"
    assert ran.cards[-1]["state"] == "CANCELLED"


def test_resume_takes_up_the_newest_checkpoint(notebook):
    notebook.run("import jupyter_cloudml as cloudml")
    first = notebook.run(
        "%%cloudtrain\nfor n in range(3): cloudml.checkpoint.save({'n': n}, step=n)\n1/0"
    )
    ran = notebook.run(f"%%cloudtrain --resume {first.job[:8]}\nprint(cloudml.checkpoint.latest())")
    assert "{'n': 2}" in ran.text(), ran.text()


def test_a_kernel_that_restarts_in_mid_job_attaches_to_it_again(notebook, another_kernel):
    gate = notebook.cwd / "gate"
    lost = another_kernel()
    lost.run("%cloudconfig --no-batch")  # a restart interrupts first; in batch that would cancel
    running = lost.start(
        "%%cloudtrain long\nimport os, time\nprint('before')\n"
        f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)\nprint('after')\nbound = [1]"
    )
    lost.wait_for(running, "before\n")
    lost.manager.restart_kernel(now=True)
    lost.client.wait_for_ready(timeout=60)
    lost.run("%load_ext jupyter_cloudml")
    gate.touch()
    ran = lost.run("%cloudattach long")
    assert ran.cards[-1]["state"] == "SUCCEEDED", (ran.reply, ran.messages)
    assert ran.text() == "before\nafter\n"
    assert lost.value("bound") == "[1]"
    fresh = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import jupyter_cloudml as c; print(c.get('{ran.job}').result()['bound'])",
        ],
        env=environment(notebook.home.root),
        capture_output=True,
        text=True,
        check=True,
    )
    assert fresh.stdout == "[1]\n"


def test_a_detached_job_is_pulled_by_id_prefix_and_name(notebook):
    notebook.run("%%cloudtrain pulled --detach\nbrought = {'a': 1}")
    assert notebook.run("%cloudattach pulled").status == "ok"
    job = answer(notebook.home.root, "jobs", "pulled")[0]["id"]
    assert notebook.run(f"%cloudpull {job[:10]} -o brought").text() == "bound: brought\n"
    assert notebook.run(f"%cloudpull {job} -o nothing").error.endswith("(it brought: brought)")
    assert notebook.run(f"%cloudcancel {job}").text() == f"job {job} has ended already: SUCCEEDED\n"


def test_an_ambiguous_beginning_of_an_id_is_said(notebook):
    for _ in range(17):  # two of 17 ids begin with the same digit
        notebook.run("%%cloudtrain --detach\n1")
    ids = [row["id"] for row in answer(notebook.home.root, "jobs", "-n", "100")]
    twice = next(i[0] for i in ids if [j[0] for j in ids].count(i[0]) > 1)
    done = cli(notebook.home.root, "logs", twice)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "several" in done.stderr or "more than one" in done.stderr or "fits" in done.stderr


def test_a_running_job_has_no_result_and_is_not_retried_and_a_queued_one_says_why(another_kernel):
    kernel = another_kernel()
    gate = kernel.cwd / "gate2"
    hold = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)"
    cpus = len(os.sched_getaffinity(0))
    kernel.run(f"%%cloudtrain holder --detach --cpus {cpus}\n{hold}")
    deadline = time.monotonic() + 30
    while kernel.value("get_ipython().run_line_magic('cloudjobs', 'holder')").find("RUNNING") < 0:
        assert time.monotonic() < deadline
    assert "has no result: it is RUNNING (%cloudattach" in kernel.run("%cloudpull holder").error
    assert "(only a job that has ended can be retried)" in kernel.run("%cloudretry holder").error
    queued = kernel.start("%%cloudtrain waits\nprint('my turn')")
    reasons = []
    while not any(reasons):
        message = kernel.client.get_iopub_msg(timeout=60)
        card = message["content"].get("data", {}).get(MIME)
        reasons += [card["reason"]] if card and card["state"] == "QUEUED" else []
    assert "CPU" in next(filter(None, reasons)) or "slot" in next(filter(None, reasons))
    gate.touch()
    assert kernel.finish(queued).text() == "my turn\n"


def test_a_flood_of_output_is_whole_in_the_journal(notebook):
    ran = notebook.run("%%cloudtrain\nfor i in range(100_000): print(i)\nprint('x' * 1_000_000)")
    assert ran.status == "ok"
    paths, told, offset = notebook.home.job(ran.job), [], 0
    while True:
        batch, more = read_events(paths.journal(), offset)
        if not batch:
            break
        told, offset = told + batch, more
    text = "".join(o["text"] for o in outputs(told) if o["output_type"] == "stream")
    assert text == "".join(f"{i}\n" for i in range(100_000)) + "x" * 1_000_000 + "\n"
    assert ran.text() == text


def test_displays_update_and_functions_run_elsewhere(notebook):
    ran = notebook.run(
        "%%cloudtrain\nfrom IPython.display import display\nh = display('one', display_id='d')\nh.update('two')"
    )
    updates = [c["data"] for kind, c in ran.messages if kind == "update_display_data"]
    assert {"text/plain": "'two'"} in updates
    notebook.run("import jupyter_cloudml as cloudml\n@cloudml.remote\ndef double(x): return 2 * x")
    assert notebook.value("double(4), double.submit(5).result()") == "(8, 10)"
    assert notebook.value("[job.result() for job in double.map([1, 2])]") == "[2, 4]"


def test_what_ipython_draws_itself_is_drawn_once(notebook):
    for cell in ("%nosuchmagic", "raise ExceptionGroup('g', [ValueError(1)])", "eval('(')"):
        plain, cloud = notebook.run(cell), notebook.run(f"%%cloudtrain\n{cell}")
        assert cloud.reply["ename"] == plain.reply["ename"]
        for count in ("UsageError", "ExceptionGroup:", "never closed"):
            seen = [
                r.text("stderr").count(count) + "\n".join(r.traceback).count(count)
                for r in (plain, cloud)
            ]
            assert seen[0] == seen[1], (cell, count)


def test_a_missing_module_is_the_cells_own_error(notebook):
    ran = notebook.run("%%cloudtrain\nimport nosuchmodule")
    assert ran.error == "ModuleNotFoundError: No module named 'nosuchmodule'"
    assert "jupyter_cloudml" not in "\n".join(ran.traceback)


def test_a_parameter_that_json_cannot_hold_arrives_whole(notebook):
    (notebook.cwd / "p.yaml").write_text("when: 2020-01-01\nlr: 1e-3\n")
    notebook.run("import jupyter_cloudml as cloudml")
    ran = notebook.run("%%cloudtrain -f p.yaml\nprint(repr(when), lr, cloudml.params['when'].year)")
    assert ran.text() == "datetime.date(2020, 1, 1) 0.001 2020\n", ran.error


def test_a_retried_job_is_not_over(notebook):
    job = notebook.run("%%cloudtrain\n1").job
    ran = notebook.run(f"%cloudretry {job}")
    assert ran.cards[-1]["state"] in ("QUEUED", "STARTING", "RUNNING")
    assert notebook.run(f"%cloudattach {job}").cards[-1]["state"] == "SUCCEEDED"


def test_prune_removes_old_jobs_and_launches_that_died(notebook):
    home = notebook.home
    job = notebook.run("%%cloudtrain old\n1").job
    for name, age in ((".new-000000000001", 3600), (".new-000000000002", 0)):
        (home.jobs / name / "bundle").mkdir(parents=True, mode=0o700)
        os.utime(home.jobs / name, (time.time() - age,) * 2)
    words = ("prune", "--older-than", "0s", "--max-size", "20G")
    deadline = time.monotonic() + 60
    while job not in [item["id"] for item in answer(home.root, *words, "--dry-run")["removed"]]:
        assert time.monotonic() < deadline  # its MLflow run must have ended
        time.sleep(0.1)
    assert home.job(job).root.exists()
    assert job in [item["id"] for item in answer(home.root, *words)["removed"]]
    left = {path.name for path in home.jobs.iterdir()}
    assert not {job, ".new-000000000001"} & left
    assert ".new-000000000002" in left
    assert prune(Registry(home.registry_db), now=time.time(), dry_run=True) == []


def test_an_idle_agent_prunes_by_the_users_retention(tmp_path):
    home = tmp_path / "home"
    config = tmp_path / "config" / "jupyter_cloudml" / "cloudml.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[retention]\nmax_age = '1s'\n")
    assert cli(home, "run", "-c", "1", "--name", "old").returncode == 0
    deadline = time.monotonic() + 60
    while answer(home, "jobs", "old")[0]["tracking_state"] != "ended":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    stop_agent(DataHome(home))
    assert cli(home, "run", "-c", "1", "--name", "new", CLOUDML_TIDY_S="0.3").returncode == 0
    while answer(home, "jobs", "old") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert answer(home, "jobs", "old") == []
    stop_agent(DataHome(home))
