"""What MLflow shows of a job, on SQLite, with a forwarder in this process."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys

import pytest

from jupyter_cloudml.core.resources import Resources
from jupyter_cloudml.core.spec import Origin, TargetRef
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.atomic import write_atomic, write_json
from jupyter_cloudml.tracking.forwarder import Forwarder, _serve
from jupyter_cloudml.tracking.nudges import Nudge, Nudges
from jupyter_cloudml.tracking.store import InternalError, TrackingStore

from .conftest import T0, drain


def test_a_job_nudge_makes_the_run_and_run_json_at_once(home, forwarder):
    job = home.job()
    forwarder.take([Nudge("job", job.id)])
    run_id, status, name, _ = home.run_of(job)
    assert (
        job.run_json
        == {
            "run_id": run_id,
            "experiment_id": "0",
            "tracking_uri": home.uri,
            "artifact_uri": f"{home.root}/mlartifacts/0/{run_id}/artifacts",
        }
        or job.run_json["run_id"] == run_id
    )
    assert (status, name) == ("RUNNING", "job-1")
    assert (job.row.run_id, job.row.tracking_state) == (run_id, "open")


def test_a_queued_job_that_was_not_nudged_has_no_run_yet(home, forwarder):
    job = home.job()
    drain(forwarder)
    assert home.sql("SELECT count(*) FROM runs") == [(0,)]
    job.start()
    drain(forwarder)
    assert home.run_of(job)[1] == "RUNNING"


def test_metrics_keep_the_times_and_steps_of_the_journal(home, forwarder):
    job = home.job().start()
    job.metrics(0, 5, loss=0.5, acc=2)
    drain(forwarder)
    expected = [(i, i * 0.5, round((T0 + 0.002 + i / 1000) * 1000)) for i in range(5)]
    assert home.points(job) == expected
    assert [value for _, value, _ in home.points(job, "acc")] == [0, 2, 4, 6, 8]


def test_more_metrics_than_a_batch_holds_arrive_once(home, forwarder):
    job = home.job().start()
    job.metrics(0, 1500, loss=0.1, acc=0.2)
    drain(forwarder)
    assert [step for step, _, _ in home.points(job)] == list(range(1500))


def test_a_replay_of_everything_doubles_nothing(home, forwarder):
    job = home.job(params={"lr": 0.1}).start()
    job.metrics(0, 700)
    job.journal().append("metric", m={"loss": float("nan")}, s=700)
    job.journal().append("param", p={"epochs": "3"})
    drain(forwarder)
    before = home.points(job)
    home.registry.set_cursor(job.id, "0.jsonl", 0)
    home.registry.set_cursor(job.id, "#dressed", 0)
    job.metrics(701, 710)
    drain(Forwarder(home.root))
    assert home.points(job)[: len(before)] == before
    assert len(home.points(job)) == 710


def test_a_run_that_a_killed_predecessor_made_is_found_by_its_tag(home, forwarder):
    job = home.job()
    forwarder.take([Nudge("job", job.id)])
    run_id = home.run_of(job)[0]
    home.registry.set_run(job.id, "", "", home.uri)
    home.registry.set_tracking_state(job.id, "pending")
    job.paths.run.unlink()
    Forwarder(home.root).take([Nudge("job", job.id)])
    assert home.run_of(job)[0] == run_id
    assert job.run_json["run_id"] == run_id


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (JobState.SUCCEEDED, "FINISHED"),
        (JobState.FAILED, "FAILED"),
        (JobState.CANCELLED, "KILLED"),
        (JobState.LOST, "FAILED"),
    ],
)
def test_the_run_ends_as_the_job_did_at_the_time_of_the_journal(home, forwarder, state, status):
    job = home.job().start()
    ended_at = job.end(state, journalled=state is not JobState.LOST)
    drain(forwarder)
    expected_ms = round((ended_at + (50 if state is JobState.LOST else 0)) * 1000)
    assert home.run_of(job)[1::2] == (status, expected_ms)
    assert job.row.tracking_state == "ended"
    assert home.pairs(job)["cloudml.state"] == state.value


def test_what_was_journalled_last_arrives_before_the_run_ends(home, forwarder):
    job = home.job().start()
    job.metrics(0, 4000)
    job.end()
    drain(forwarder)
    assert len(home.points(job)) == 4000
    assert home.run_of(job)[1] == "FINISHED"


def test_a_job_cancelled_in_the_queue_has_a_killed_run(home, forwarder):
    job = home.job()
    job.end(JobState.CANCELLED, journalled=False)
    drain(forwarder)
    assert home.run_of(job)[1] == "KILLED"


def test_a_retry_goes_on_in_the_same_run(home, forwarder):
    job = home.job().start()
    job.metrics(0, 3)
    job.end(JobState.FAILED)
    drain(forwarder)
    run_id = home.run_of(job)[0]
    home.registry.retry(job.id)
    job.start()
    job.metrics(3, 5)
    drain(forwarder)
    assert home.run_of(job)[:2] == (run_id, "RUNNING")
    job.end()
    drain(forwarder)
    assert home.run_of(job)[:2] == (run_id, "FINISHED")
    assert [step for step, _, _ in home.points(job)] == [0, 1, 2, 3, 4]


def test_a_run_carries_who_what_and_where(home, forwarder):
    job = home.job(
        experiment="digits",
        run_name="first try",
        tags={"team": "vision"},
        target=TargetRef(kind="local", name="big"),
        resources=Resources(gpus=2, gpu_type="A100", cpus=4),
        origin=Origin(user="ada", notebook="/n/a.ipynb", git_commit="abc", git_dirty=True),
    ).start()
    drain(forwarder)
    tags = home.pairs(job)
    assert home.run_of(job)[2] == "first try"
    assert (
        tags.items()
        >= {
            "cloudml.job_id": job.id,
            "cloudml.target": "local:big",
            "mlflow.user": "ada",
            "mlflow.runName": "first try",
            "mlflow.source.type": "NOTEBOOK",
            "mlflow.source.name": "/n/a.ipynb",
            "mlflow.source.git.commit": "abc",
            "mlflow.source.git.dirty": "true",
            "team": "vision",
            "cloudml.resources.gpus": "2",
            "cloudml.resources.gpu_type": "A100",
            "cloudml.resources.cpus": "4",
        }.items()
    )
    found = home.sql("SELECT name, artifact_location FROM experiments WHERE name = 'digits'")
    assert found[0][1].startswith(str(home.root / "mlartifacts"))


def test_parameters_of_the_command_line_and_of_the_cell_are_recorded(home, forwarder):
    job = home.job(params={"lr": 0.1, "name": "a b", "sizes": [1, 2]}).start()
    job.journal().append("param", p={"depth": 3})
    drain(forwarder)
    assert home.pairs(job, "params") == {
        "lr": "0.1",
        "name": "a b",
        "sizes": "[1, 2]",
        "depth": "3",
    }


def test_cell_capture_environment_and_executed_cell_are_artifacts(home, forwarder):
    job = home.job(origin=Origin(python=sys.executable))
    manifest = {"values": {"X": {"blob": {"digest": "x3-aa", "size": 8}}, "n": 3}}
    write_json(job.paths.bundle_manifest, manifest)
    job.start()
    drain(forwarder)
    write_atomic(job.paths.result_cell, b'{"cells": []}')
    job.end()
    drain(forwarder)
    assert home.artifact(job, "cell.py").read_text() == job.spec.source
    assert json.loads(home.artifact(job, "capture.json").read_text()) == {"values.X.blob": "x3-aa"}
    assert "\nmlflow==" in home.artifact(job, "environment.txt").read_text()
    assert job.paths.environment.read_text() == home.artifact(job, "environment.txt").read_text()
    assert home.artifact(job, "cell.ipynb").read_text() == '{"cells": []}'


def test_resources_become_the_system_metrics_of_mlflow(home, forwarder):
    job = home.job().start()
    gpu = {"i": 0, "util": 55, "mem": 4e9, "mem_total": 8e9, "watts": 120}
    job.journal().append("resource", cpu=97.5, rss=2_000_000, gpus=[gpu])
    drain(forwarder)
    keys = [key for (key,) in home.sql("SELECT key FROM latest_metrics ORDER BY key")]
    assert keys == [
        "system/cpu_utilization_percentage",
        "system/gpu_0_memory_usage_megabytes",
        "system/gpu_0_memory_usage_percentage",
        "system/gpu_0_power_usage_watts",
        "system/gpu_0_utilization_percentage",
        "system/system_memory_usage_megabytes",
    ]
    assert home.points(job, "system/gpu_0_memory_usage_percentage")[0][1] == 50


def test_other_ranks_have_names_of_their_own(home, forwarder):
    job = home.job().start()
    job.metrics(0, 2)
    job.journal("1").append_metrics({"loss": 9.0}, 0)
    drain(forwarder)
    assert len(home.points(job)) == 2
    assert [value for _, value, _ in home.points(job, "rank1/loss")] == [9.0]


def test_events_that_mlflow_refuses_are_skipped_and_said_so(home, forwarder):
    job = home.job(params={f"p{i}": i for i in range(250)}).start()
    journal = job.journal()
    with journal.path.open("ab") as damaged:
        damaged.write(b"this is no event\n")
    journal.append("metric", m={"loss": "high"}, s=1)
    journal.append("metric", m="nothing", s=1)
    journal.append("metric", m={"loss": 1.0}, s=10**30)
    journal.append("metric", m={"bad\nname?": 1.0, "../up": 2.0, "": 3.0, "x" * 300: 4.0}, s=1)
    journal.append("metric", m={"odd": math.nan, "big": math.inf, "low": -math.inf}, s=1)
    journal.append("param", p={"lr": "1"})
    journal.append("param", p={"long": "y" * 10_000})
    journal.append("tag", p={"note": "z" * 20_000})
    journal.append("param", p=None)
    job.metrics(0, 3)
    drain(forwarder)
    journal.append("param", p={"lr": "2"})
    job.metrics(3, 6)
    job.end()
    drain(forwarder)
    assert [step for step, _, _ in home.points(job)] == [0, 1, 2, 3, 4, 5]
    assert home.run_of(job)[1] == "FINISHED"
    assert home.pairs(job, "params")["lr"] == "1"
    assert len(home.pairs(job, "params")) == 252
    assert home.points(job, "up")[0][1] == 2.0
    assert home.points(job, "bad_name_")[0][1] == 1.0
    assert home.sql("SELECT is_nan FROM metrics WHERE key = 'odd'") == [(1,)]
    assert home.points(job, "big")[0][1] > 1e308
    error = job.row.tracking_error
    assert "'high' is not a number" in error
    assert "skipped parameter 'lr'" in home.pairs(job)["cloudml.tracking_notes"]


def test_a_deleted_run_is_said_so_and_left_alone(home, forwarder):
    job = home.job().start()
    drain(forwarder)
    TrackingStore(home.uri).client.delete_run(job.run_json["run_id"])
    job.metrics(0, 3)
    drain(forwarder)
    assert job.row.tracking_state == "failed"
    assert "deleted" in job.row.tracking_error


def test_a_deleted_experiment_is_restored(home, forwarder):
    first = home.job(experiment="digits")
    forwarder.take([Nudge("job", first.id)])
    store = TrackingStore(home.uri)
    store.client.delete_experiment(first.run_json["experiment_id"])
    second = home.job(experiment="digits")
    forwarder.take([Nudge("job", second.id)])
    assert second.run_json["experiment_id"] == first.run_json["experiment_id"]


def test_the_file_store_is_refused_in_one_sentence(home, forwarder):
    job = home.job(tracking_uri=f"file://{home.root}/mlruns").start()
    other = home.job().start()
    drain(forwarder)
    assert "file store" in job.run_json["error"]
    assert job.row.tracking_state == "failed"
    assert home.run_of(other)[1] == "RUNNING"


def test_a_damaged_spec_stops_only_its_own_job(home, forwarder):
    job, other = home.job().start(), home.job().start()
    write_atomic(job.paths.spec, b"{")
    drain(forwarder)
    assert job.row.tracking_state == "failed"
    assert home.run_of(other)[1] == "RUNNING"


def test_while_the_store_is_away_run_json_says_so_and_later_everything_arrives(home):
    now = [0.0]
    forwarder = Forwarder(home.root)
    away = f"sqlite:///{home.root}/not/there/mlflow.db"
    (home.root / "not").write_text("a file where a folder should be")
    job = home.job(tracking_uri=away).start()
    job.metrics(0, 3)
    job.end()
    forwarder.take([Nudge("job", job.id)])
    forwarder.cycle()
    assert list(job.run_json) == ["error"]
    assert "does not answer" in job.run_json["error"]
    assert job.row.tracking_state == "pending"
    assert job.row.tracking_error.startswith("waiting: ")
    assert forwarder.next_try_s() is not None
    (home.root / "not").unlink()
    forwarder._links[away]._clock = lambda: now[0]
    forwarder._links[away]._retry_at = 0.0
    drain(forwarder)
    assert job.row.tracking_state == "ended"
    assert job.row.tracking_error == ""
    assert job.run_json["artifact_uri"].startswith(str(home.root / "not/there/mlruns"))


def test_data_that_breaks_the_server_is_skipped_and_a_broken_server_is_waited_for(
    home, forwarder, monkeypatch
):
    is_broken = [True]
    log = TrackingStore.log

    def log_or_fail(self, run_id, payload):
        poisoned = any(point.key == "poison" for point in payload.metrics)
        if poisoned or (is_broken[0] and payload.metrics) or (is_broken[0] and payload.tags):
            raise InternalError("the server failed")
        log(self, run_id, payload)

    job = home.job().start()
    drain(forwarder)
    monkeypatch.setattr(TrackingStore, "log", log_or_fail)
    job.metrics(0, 3)
    job.metrics(3, 4, poison=1.0)
    job.metrics(4, 6)
    for _ in range(12):
        forwarder._links[home.uri]._retry_at = 0.0
        forwarder.cycle()
    assert job.row.tracking_error.startswith("waiting: ")
    is_broken[0] = False
    forwarder._links[home.uri]._retry_at = 0.0
    drain(forwarder)
    assert [step for step, _, _ in home.points(job)] == [0, 1, 2, 4, 5]
    assert job.row.tracking_error == "skipped metric 'poison' at step 3: the server failed"


def test_an_orphan_ends_the_run_at_the_workers_last_word(home, forwarder):
    job = home.job().start()
    job.journal().append("state", state="SUCCEEDED")
    drain(forwarder)
    assert home.run_of(job)[1] == "RUNNING"
    forwarder.is_orphan = True
    assert not forwarder.has_told_all
    drain(forwarder)
    assert home.run_of(job)[1::2] == ("FINISHED", round(job.clock[0] * 1000))
    assert job.row.tracking_state == "open"
    assert forwarder.has_told_all  # so it leaves; the next agent's forwarder closes the row


@pytest.mark.timeout(20)
def test_an_agent_that_leaves_while_a_run_is_being_ended_is_not_waited_for(home, forwarder):
    job = home.job().start()
    job.end()
    listen, tell = os.pipe()
    nudges = Nudges(listen)
    os.write(tell, f"end {job.id}\n".encode())

    def leave():
        if nudges.is_open:
            with contextlib.suppress(OSError):
                os.close(tell)
            return nudges.wait(0)
        return []

    forwarder._pending = leave
    _serve(forwarder, nudges, 300.0)
    os.close(listen)
    assert job.row.tracking_state == "ended"
