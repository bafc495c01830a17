"""The routes of jobs, with real jobs."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from importlib.metadata import version
from typing import Any

import nbformat
import pytest

import jupyter_cloudml as cloudml
from jupyter_cloudml.core.spec import JobSpec
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.atomic import read_json
from jupyter_cloudml.journal.writer import JournalWriter


async def until(look: Callable[[], Any], *, timeout_s: float = 60.0) -> Any:
    """The first truthy answer of the coroutine function ``look``."""
    deadline = time.monotonic() + timeout_s
    while not (answer := await look()):
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s; last: {answer!r}"
        await asyncio.sleep(0.02)
    return answer


async def started(source: str, **options: Any) -> Any:
    """A job that was submitted as a notebook would."""
    return await asyncio.to_thread(cloudml.submit, source, **options)


async def ended(ask: Any, job_id: str) -> Any:
    """Its snapshot, once it is over."""

    async def look() -> Any:
        job = (await ask(f"jobs/{job_id}"))["job"]
        return job if job["ended_at"] else None

    return await until(look)


async def test_a_job_is_in_the_list_and_has_a_snapshot(ask, home):
    job = await started("print('there')", name="first", experiment="churn")
    snapshot = await ended(ask, job.id)
    assert snapshot["state"] == "SUCCEEDED"
    assert snapshot["name"] == "first"

    async def look() -> Any:
        page = await ask("jobs")
        return page if page["counts"] == {"SUCCEEDED": 1} else None

    page = await until(look)
    assert [row["id"] for row in page["jobs"]] == [job.id]
    assert page["total"] == 1
    assert page["cost_today"] is None  # nobody knows a price of this machine
    assert page["jobs"][0]["elapsed_s"] > 0
    assert (await ask("jobs", experiment="other"))["jobs"] == []
    assert (await ask("jobs", state="succeeded,failed", text="first"))["total"] == 1


async def test_outputs_come_in_pieces_and_end(ask, home):
    job = await started("for i in range(3): print('line', i)\n1 + 1")
    await ended(ask, job.id)
    page = await ask(f"jobs/{job.id}/outputs")
    texts = "".join(out["text"] for out in page["outputs"] if out["output_type"] == "stream")
    assert texts == "line 0\nline 1\nline 2\n"
    assert page["outputs"][-1]["data"]["text/plain"] == "2"
    assert page["final"]
    again = await ask(f"jobs/{job.id}/outputs", offset=page["next"])
    assert again == {"outputs": [], "next": page["next"], "final": True}


async def test_metrics_and_resources_are_whole(ask, home):
    source = "import jupyter_cloudml as c\nfor i in range(3000): c.log(step=i, loss=1 / (i + 1))"
    job = await started(source)
    await ended(ask, job.id)
    loss = (await ask(f"jobs/{job.id}/metrics"))["metrics"]["loss"]
    assert len(loss["points"]) <= 2000
    assert loss["points"][0][:2] == [0, 1.0]
    assert loss["last"] == 1 / 3000
    assert isinstance((await ask(f"jobs/{job.id}/resources"))["resources"], list)


ODD = ("__proto__", "constructor", "toString", "a.b/c d", "größe", "__defineGetter__")


async def test_a_metric_may_have_any_name_on_its_way_to_a_browser(ask, home):
    source = (
        f"import jupyter_cloudml as c\nfor i in range(3): c.log(step=i, **dict.fromkeys({ODD}, i))"
    )
    job = await started(source)
    snapshot = await ended(ask, job.id)
    assert set(snapshot["metrics"]) == set(ODD)
    assert {series["last"] for series in snapshot["metrics"].values()} == {2}
    metrics = (await ask(f"jobs/{job.id}/metrics"))["metrics"]
    for name in ODD:
        assert [point[:2] for point in metrics[name]["points"]] == [[0, 0.0], [1, 1.0], [2, 2.0]]


async def test_details_tell_what_travelled_and_no_secret(ask, home, monkeypatch):
    job = await started("print(1)", env={"API_TOKEN": "hush-hush-hush", "MODE": "fast"})
    await ended(ask, job.id)
    details = await ask(f"jobs/{job.id}/details")
    assert details["source"] == "print(1)"
    assert details["spec"]["env"] == {"API_TOKEN": "…", "MODE": "fast"}
    assert "hush-hush" not in str(details)
    assert details["lineage"]["experiment"] == "Default"


async def test_the_environment_is_the_lock_that_tracking_recorded(ask, home, monkeypatch):
    monkeypatch.delenv("CLOUDML_FORWARDER")
    job = await started("print(1)")

    async def recorded() -> Any:
        return (await ask(f"jobs/{job.id}/details"))["environment"]

    lock = await until(recorded)
    assert lock.startswith("# Python 3.")
    assert f"\nmlflow=={version('mlflow')}\n" in lock


async def test_a_job_is_cancelled_and_started_again(ask, home):
    job = await started("import time\nprint('began', flush=True)\ntime.sleep(600)")

    async def runs() -> Any:
        return (await ask(f"jobs/{job.id}/outputs"))["outputs"]

    await until(runs)
    row = (await ask(f"jobs/{job.id}/cancel", method="POST"))["job"]
    assert row["intent"] == "cancel"
    assert (await ended(ask, job.id))["state"] == "CANCELLED"
    assert (await ask(f"jobs/{job.id}/retry", method="POST"))["job"]["attempt"] == 2
    await ask(f"jobs/{job.id}/cancel", method="POST")

    async def over() -> bool:
        page = await ask("jobs", state="CANCELLED")
        return page["total"] == 1 and page["jobs"][0]["attempt"] == 2

    await until(over)


async def test_a_notebook_runs_as_a_job(ask, home, jp_root_dir):
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    made = nbformat.v4.new_notebook(metadata=kernel, cells=[nbformat.v4.new_code_cell("6 * 7")])
    (jp_root_dir / "folder").mkdir()
    nbformat.write(made, jp_root_dir / "folder" / "report.ipynb")
    asked = {"path": "folder/report.ipynb", "target": "local", "options": {"name": "weekly"}}
    row = (await ask("jobs/run-notebook", method="POST", body=asked))["job"]
    assert (row["kind"], row["name"], row["notebook_path"]) == (
        "notebook",
        "weekly",
        "folder/report.ipynb",
    )
    assert (await ended(ask, row["id"]))["state"] == "SUCCEEDED"
    assert (jp_root_dir / "folder" / "report.executed.ipynb").is_file()
    page = await ask("jobs", notebook="folder/report.ipynb")
    assert [found["id"] for found in page["jobs"]] == [row["id"]]


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "../../outside.ipynb"},
        {"path": "/etc/passwd"},
        {"path": "link.ipynb"},
        {"path": "none.ipynb"},
        {"path": "notes.txt"},
        {},
        {"path": "a.ipynb", "target": "mars"},
        {"path": "a.ipynb", "target": ["local"]},
        {"path": "a.ipynb", "options": {"gpu": 1}},
        {"path": "a.ipynb", "options": {"gpus": "many"}},
        {"path": "a.ipynb", "options": {"params": "lr"}},
        {"path": "a.ipynb", "options": ["gpus"]},
        {"path": "a.ipynb", "cwd": "/"},
    ],
)
async def test_a_notebook_that_cannot_be_run_leaves_nothing(
    ask, session, jp_create_notebook, jp_root_dir, tmp_path, asked
):
    jp_create_notebook("a.ipynb")
    (tmp_path / "outside.ipynb").write_text("{}")
    (jp_root_dir / "link.ipynb").symlink_to(tmp_path / "outside.ipynb")
    (jp_root_dir / "notes.txt").write_text("")
    code, said = await ask("jobs/run-notebook", method="POST", body=asked)
    assert code in (400, 404, 409)
    assert said["message"]
    assert session.registry.list_jobs() == []


async def test_targets_and_configuration(ask, home):
    (local,) = (await ask("targets"))["targets"]
    assert (local["name"], local["health"]) == ("local", "ok")
    assert local["cpus"]["free"] == local["cpus"]["total"] > 0
    config = await ask("config")
    assert config["home"] == str(home.root)
    assert config["tracking_uri"] == f"sqlite:///{home.mlflow_db}"


async def test_ten_thousand_jobs_come_in_pages(ask, session):
    for number in range(10_000):
        session.registry.insert(JobSpec(id=f"{number:012x}", source=f"train({number})"), number)
    page = await ask("jobs", limit=1000, offset=9_500)
    assert (page["total"], page["counts"]) == (10_000, {"QUEUED": 10_000})
    assert [row["id"] for row in page["jobs"]] == [f"{n:012x}" for n in range(499, -1, -1)]
    assert (await ask("jobs", text="train(77"))["total"] == 111


async def test_no_request_keeps_the_loop_waiting(ask, home, server, blocking_calls):
    """Twenty jobs' journals grow while everything is asked for again and again."""
    session = server.web_app.settings["cloudml"].session
    writers = []
    for number in range(20):
        spec = JobSpec(id=f"{number:012x}", source="1")
        session.registry.insert(spec, time.time())
        session.registry.move(spec.id, JobState.RUNNING, now=time.time())
        writers.append(JournalWriter(session.paths(spec.id).create().journal()))

    def write(turn: int) -> None:
        for writer in writers:
            for line in range(200):
                output = {"output_type": "stream", "name": "stdout", "text": f"{line}\n"}
                writer.append("output", output=output)
                writer.append("metric", m={"loss": turn + line / 200}, s=line)

    loop, slow = asyncio.get_running_loop(), []
    blocked = logging.Handler()
    blocked.emit = lambda record: slow.append(record.getMessage())  # type: ignore[method-assign]
    await ask("jobs")  # loads the client
    await ask(f"jobs/{0:012x}")
    logger = logging.getLogger("asyncio")
    logger.addHandler(blocked)
    loop.slow_callback_duration = 1.0
    gc.collect()
    gc.freeze()  # collections of what two thousand tests left take seconds, and are none of the server's
    try:
        for turn in range(5):
            await asyncio.to_thread(write, turn)
            parts = ("", "/outputs", "/metrics", "/resources")
            paths = [
                "jobs",
                "targets",
                *(f"jobs/{n:012x}{part}" for n in range(20) for part in parts),
            ]
            loop.set_debug(turn % 2 == 0)  # it reads our sources
            with blocking_calls() if turn % 2 else nullcontext([]) as seen:
                await asyncio.gather(*map(ask, paths))
            assert seen == []
        with blocking_calls() as seen:
            read_json(session.paths("0" * 12).spec)
        assert any(call.startswith("open(") for call in seen), "this control must be seen"
    finally:
        gc.unfreeze()
        loop.set_debug(False)
        logger.removeHandler(blocked)
        for writer in writers:
            writer.close()
    assert slow == []
