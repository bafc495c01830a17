"""The shipped fake passes the suite for targets behind a link, and misbehaves as told."""

import pytest

from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.testing import FakeCluster, FakeTarget, RemoteTargetSuite
from jupyter_cloudml.testing.jobs import outcome_of


class TestFake(RemoteTargetSuite):
    @pytest.fixture
    def cluster(self, home):
        return FakeCluster(home)

    @pytest.fixture
    def target(self, cluster):
        return FakeTarget(cluster)

    @pytest.fixture
    def reopened(self, cluster):
        return FakeTarget(cluster)

    def cut(self, target):
        target._cluster.is_connected = False

    def heal(self, target):
        target._cluster.is_connected = True
        target._cluster.answer_delay_s = 0.0

    def slow(self, target, delay_s):
        target._cluster.answer_delay_s = delay_s

    def test_a_lost_answer_to_submit_starts_once(self, run, cluster):
        cluster.lost_answers = 1
        with pytest.raises(Unavailable):
            run("print('ran')", id="0123456789ab")
        job = run("print('ran')", id="0123456789ab")
        job.wait(JobState.SUCCEEDED)
        assert job.outcome().stdout == "ran\n"

    def test_a_queued_job_begins_when_the_cluster_says_so(self, run, cluster):
        cluster.is_queueing = True
        job = run("y = 1")
        assert job.status().state is JobState.QUEUED
        cluster.begin()
        job.wait(JobState.SUCCEEDED)

    def test_a_queued_job_that_is_cancelled_never_runs(self, run, cluster):
        cluster.is_queueing = True
        job = run("print('ran')")
        job.target.cancel(job.ref)
        cluster.begin()
        assert job.wait().state is JobState.CANCELLED
        assert outcome_of(job.paths).states == ()

    def test_late_reports_come_late(self, run, cluster):
        cluster.is_queueing = True
        job = run("y = 1")
        job.status()
        cluster.begin()
        job.wait(JobState.SUCCEEDED)
        cluster.late_polls = 1000
        assert job.status().state is JobState.QUEUED

    def test_many_refs_are_one_call(self, run, cluster):
        jobs = [run("x = 1") for _ in range(2)]
        for job in jobs:
            job.wait()
        cluster.calls.clear()
        jobs[0].target.poll([job.ref for job in jobs])
        assert cluster.calls == ["poll"]
