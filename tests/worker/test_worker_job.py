"""A job around its cell: signals, secrets, environment, the SDK, what survives a kill."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.journal.lease import lease_holder
from jupyter_cloudml.worker.main import run_job

SECRET = "hunter2-very-secret"


def wait_for(job: Any, predicate: Any) -> None:
    """Until an event is there; watches the journal's folder by short polls with a deadline."""
    deadline = time.monotonic() + 60
    while not any(predicate(event) for event in job.events):
        assert time.monotonic() < deadline, job.events
        select.select([], [], [], 0.01)


def says(text: str) -> Any:
    return lambda event: text in json.dumps(event)


@pytest.mark.parametrize("cancelled", [True, False])
def test_sigterm_interrupts_the_cell_and_its_names_come_home(start, forker, cancelled):
    job, pid = start("import time\nx = 1\nprint('ready')\nwhile True:\n    time.sleep(0.01)")
    wait_for(job, says("ready"))
    if cancelled:
        job.paths.cancel.touch()
    os.kill(pid, signal.SIGTERM)
    assert forker.exit_code() == (130 if cancelled else 1)
    assert job.state == ("CANCELLED" if cancelled else "FAILED")
    assert job.error["ename"] == "KeyboardInterrupt"
    job.come_home()
    assert job.namespace["x"] == 1


@pytest.mark.parametrize(("cancelled", "reason"), [(True, "cancelled"), (False, "interrupted")])
def test_a_job_that_is_stopped_before_its_cell_begins_says_why(
    start, forker, tmp_path, cancelled, reason
):
    begun = tmp_path / "begun"
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(
        "class Slow:\n    def __reduce__(self):\n        return slowly, ()\n"
        f"def slowly():\n    import pathlib, time\n    pathlib.Path({str(begun)!r}).touch()\n"
        "    time.sleep(600)",
        namespace,
    )
    job, pid = start("print(slow)", {"slow": namespace["Slow"]()}, namespace=namespace)
    deadline = time.monotonic() + 60
    while not begun.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if cancelled:
        job.paths.cancel.touch()
    os.kill(pid, signal.SIGTERM)
    assert forker.exit_code() == 130
    assert job.kinds("state")[-1]["state"] == "CANCELLED"
    assert job.kinds("state")[-1]["reason"] == reason


def test_sigterm_ends_an_awaiting_cell(start, forker):
    job, pid = start(
        "import asyncio\nasyncio.get_running_loop().call_later(0.05, print, 'ready')\nawait asyncio.sleep(1000)"
    )
    wait_for(job, says("ready"))
    os.kill(pid, signal.SIGTERM)
    assert forker.exit_code() == 1
    assert job.error["ename"] == "CancelledError"


def test_sigterm_handler_of_the_user_wins(start, forker):
    job, pid = start(
        "import signal, time\nstop = []\nsignal.signal(signal.SIGTERM, lambda *_: stop.append(1))\n"
        "print('ready')\nwhile not stop:\n    time.sleep(0.01)\nprint('saved')"
    )
    wait_for(job, says("ready"))
    os.kill(pid, signal.SIGTERM)
    assert forker.exit_code() == 0
    assert job.text() == "ready\nsaved\n"


def test_lease_is_held_while_the_cell_runs_and_a_second_worker_is_refused(start, forker):
    job, pid = start("print('ready')\nimport time\nwhile True:\n    time.sleep(0.01)")
    wait_for(job, says("ready"))
    assert lease_holder(job.paths.lease()) == pid
    with pytest.raises(Unavailable, match=str(pid)):
        run_job(job.paths.root)
    os.kill(pid, signal.SIGTERM)
    forker.exit_code()
    assert lease_holder(job.paths.lease()) is None


def everything_on_disk(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


def test_secret_is_in_the_environment_and_nowhere_on_disk(run):
    job = run(
        "import os, sys, subprocess\nkey = os.environ['KEY']\nprint(key, repr(key), [key])\n"
        "for part in key:\n    print(part, end='', flush=True)\nprint()\n"
        "print(key, file=sys.stderr)\nsubprocess.run(['echo', key])\ndisplay(key)\n"
        "assert key.startswith('hunter')\ndef f(secret):\n    raise ValueError(secret)\n"
        "ok = True\ndel key\nf(os.environ['KEY'])",
        secrets={"KEY": SECRET},
        outputs=("ok",),
    )
    assert job.text().count("***KEY***") == 5
    assert job.namespace["ok"] is True
    for path in (job.paths.journal(), job.paths.result_cell):
        assert SECRET not in path.read_text()
    frames = job.applied.extra["failure"]
    assert SECRET not in json.dumps(frames)
    assert "***KEY***" in frames["evalue"]


def test_secret_in_the_message_of_an_error_stays_off_the_disk(run):
    job = run("import os\nraise ValueError('token ' + os.environ['KEY'])", secrets={"KEY": SECRET})
    assert job.error["evalue"] == "token ***KEY***"
    assert SECRET.encode() not in everything_on_disk(job.paths.root)
    assert isinstance(job.applied.exception, ValueError)


def test_values_that_hold_a_secret_stay_there(run):
    config = {"a": 1}
    job = run(
        "import os\nkey = os.environ['KEY']\nnested = {'k': [key]}\nfine = 1\nkey",
        {"config": config},
        secrets={"KEY": SECRET},
    )
    assert job.namespace["fine"] == 1
    assert set(job.applied.left_out) == {"key", "nested"}
    assert "_" not in job.applied.extra
    assert SECRET.encode() not in everything_on_disk(job.paths.root)


def test_secret_stored_in_a_captured_object_fails_the_job_and_is_not_written(run):
    job = run("import os\nconfig['k'] = os.environ['KEY']", {"config": {}}, secrets={"KEY": SECRET})
    assert job.state == "FAILED"
    assert "holds the secret KEY" in job.kinds("state")[-1]["error"]["message"]
    assert SECRET.encode() not in everything_on_disk(job.paths.root)


def test_launcher_environment_is_the_last_word(run):
    job = run(
        "import os\nv = os.environ['X']", ambient={"environ": {"X": "home"}}, env={"X": "agent"}
    )
    assert job.namespace["v"] == "agent"


def test_sdk_writes_metrics_progress_and_checkpoints(run):
    job = run(
        "from jupyter_cloudml.worker import sdk as cloudml\ncloudml.log(loss=0.5)\n"
        "cloudml.log(loss=0.25)\ncloudml.log(loss=float('nan'), step=9)\n"
        "seen = list(cloudml.progress([1, 2, 3], desc='epochs'))\n"
        "none = cloudml.checkpoint.latest()\n"
        "for step in range(5):\n    cloudml.checkpoint.save({'w': step}, step=step)\n"
        "last = cloudml.checkpoint.latest()\nstep = cloudml.checkpoint.latest_step()\n"
        "lr = cloudml.params()['lr']\nrank = cloudml.rank()",
        params={"lr": 0.1},
    )
    assert job.state == "SUCCEEDED", job.error
    metrics = [(event["s"], event["m"]["loss"]) for event in job.kinds("metric")]
    assert metrics[:2] == [(0, 0.5), (1, 0.25)]
    assert metrics[2][0] == 9
    bar = job.kinds("progress")[-1]
    assert (bar["n"], bar["total"], bar["desc"], bar["done"]) == (3, 3, "epochs", True)
    names = job.namespace
    assert (names["none"], names["last"], names["step"]) == (None, {"w": 4}, 4)
    assert (names["lr"], names["rank"]) == (0.1, 0)
    assert len(list(job.paths.checkpoints.iterdir())) == 3
    assert [event["step"] for event in job.kinds("checkpoint")] == [0, 1, 2, 3, 4]


def test_next_attempt_finds_the_checkpoint(run, forker):
    source = (
        "from jupyter_cloudml.worker import sdk as cloudml\n"
        "first = cloudml.checkpoint.latest_step() + 1\ncloudml.checkpoint.save(1, step=first)"
    )
    job = run(source)
    forker.start(job.paths)
    assert forker.exit_code() == 0
    job.come_home()
    assert job.namespace["first"] == 1


def test_job_that_resumes_another_finds_its_checkpoint(run):
    save = "from jupyter_cloudml.worker import checkpoint\ncheckpoint.save('old', step=3)"
    run(save, id="b" * 12)
    job = run(
        "from jupyter_cloudml.worker import checkpoint\nstate = checkpoint.latest()",
        resume_from="b" * 12,
    )
    assert job.namespace["state"] == "old"


def test_metric_that_is_no_number_is_refused_by_name(run):
    job = run("from jupyter_cloudml.worker import sdk\nsdk.log(loss='high')")
    assert job.error["ename"] == "BadInput"
    assert "'loss' is a str" in job.error["evalue"]


def test_every_job_has_a_resource_sample(run):
    job = run("x = 1")
    sample = job.kinds("resource")[-1]
    assert sample["rss"] > 1_000_000
    assert sample["gpus"] == []


def test_every_acknowledged_step_survives_kill_9(start, forker, tmp_path):
    for attempt in range(5):
        acknowledged = tmp_path / f"ack{attempt}"
        job, pid = start(
            "import os\nfrom jupyter_cloudml.worker.sdk import log\n"
            f"ack = os.open({str(acknowledged)!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)\n"
            "step = 0\nwhile True:\n    log(step=step, loss=1.0, acc=2.0, lr=3.0)\n"
            "    os.pwrite(ack, b'%d\\n' % step, 0)\n    step += 1",
            id=f"{attempt:012x}",
        )
        deadline = time.monotonic() + 60
        while len(job.kinds("metric")) < 50 * (attempt + 1):
            assert time.monotonic() < deadline
        os.kill(pid, signal.SIGKILL)
        assert forker.exit_code() == -signal.SIGKILL
        text = acknowledged.read_text().split()
        steps = [event["s"] for event in job.kinds("metric")]
        assert steps == list(range(len(steps)))
        assert max(map(int, text)) <= steps[-1]


def test_output_of_forked_children_is_part_of_the_cell(run):
    job = run(
        "import os\nprint('parent')\npid = os.fork()\nif pid == 0:\n    print('child')\n    os._exit(0)\n"
        "os.waitpid(pid, 0)\nprint('after')"
    )
    assert job.text() == "parent\nchild\nafter\n"


def test_multiprocessing_works_with_functions_of_the_cell(run):
    job = run(
        "import multiprocessing\ndef double(n):\n    return 2 * n\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n    r = pool.map(double, [1, 2, 3])"
    )
    assert job.namespace["r"] == [2, 4, 6]


def test_a_forked_child_dies_of_sigterm_before_its_first_line_as_a_kernel_s_does(run):
    job = run(
        "import multiprocessing, os, time\n"
        "os.register_at_fork(after_in_child=lambda: time.sleep(1))\n"
        "child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))\n"
        "child.start()\nchild.terminate()\nchild.join(60)\ncode = child.exitcode\nchild.kill()"
    )
    assert job.namespace["code"] == -signal.SIGTERM


def test_a_pool_that_ends_while_its_processes_begin_ends(run):
    job = run(
        "import multiprocessing\ncontext = multiprocessing.get_context('fork')\n"
        "for _ in range(100):\n    with context.Pool(2) as pool:\n        r = pool.map(abs, [-1, 2])"
    )
    assert job.namespace["r"] == [1, 2]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cancel_that_meets_a_fork_is_not_lost(run, when):
    """It comes while the hooks of the fork block it, or as they begin to."""
    job = run(
        "import os, signal, time\nreal = signal.pthread_sigmask\nsent = []\n"
        "def mask(how, numbers):\n"
        "    def send():\n"
        "        if not sent:\n            sent.append(1)\n            os.kill(os.getpid(), signal.SIGTERM)\n"
        f"    if {when!r} == 'before':\n        send()\n"
        "    found = real(how, numbers)\n"
        "    if numbers and how == signal.SIG_BLOCK:\n        send()\n"
        "    return found\n"
        "signal.pthread_sigmask = mask\n"
        "if os.fork() == 0:\n    os._exit(0)\n"
        "signal.pthread_sigmask = real\n"
        "for _ in range(1000):\n    time.sleep(0.01)\n"
    )
    assert job.error["ename"] == "KeyboardInterrupt"
    assert job.namespace["sent"] == [1]


@pytest.mark.parametrize("wanted", ["SIG_DFL", "SIG_IGN"])
def test_what_the_cell_makes_of_sigterm_its_children_have(run, wanted):
    job = run(
        f"import os, signal\nsignal.signal(signal.SIGTERM, signal.{wanted})\npid = os.fork()\n"
        f"if pid == 0:\n    os._exit(signal.getsignal(signal.SIGTERM) is signal.{wanted})\n"
        "same = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
        "mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])"
    )
    assert job.namespace["same"] == 1
    assert job.namespace["mask"] == set()


def test_rank_above_zero_has_a_journal_and_no_result(run):
    job = run("print('hi')", rank=1)
    assert job.exit_code == 0
    assert not job.paths.result_manifest.exists()
    assert b"hi" in job.paths.journal(1).read_bytes()


def test_interactive_bytes_and_carriage_returns_are_kept(run):
    job = run(
        "import sys\nsys.stdout.write('a\\rb')\nsys.stdout.write('\\r\\n')\nprint('é', end='')"
    )
    assert job.text() == "a\rb\r\né"
