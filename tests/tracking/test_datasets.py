"""What a preparation read and made becomes dataset inputs of its run, once."""

from __future__ import annotations

import json

from jupyter_cloudml.core import events
from jupyter_cloudml.tracking.payload import MAX_SOURCE, payload_of

from .conftest import drain

TRIPS = {
    "name": "trips",
    "digest": "d1",
    "source_type": "file",
    "source": json.dumps({"uri": "file:///trips/", "files": [{"uri": "a", "etag": "e1"}]}),
    "schema": "",
    "profile": json.dumps({"bytes": 3}),
    "context": "source",
}


def test_datasets_of_a_job_are_inputs_of_its_run_and_a_replay_adds_none(home, forwarder):
    job = home.job().start()
    with job.journal() as writer:
        for _ in range(2):
            writer.append(events.DATASET, **TRIPS)
        writer.append(events.DATASET, **{**TRIPS, "name": "clean", "context": "prepared"})
    drain(forwarder)
    rows = home.sql("SELECT name, digest, dataset_source FROM datasets ORDER BY name")
    assert rows == [("clean", "d1", TRIPS["source"]), ("trips", "d1", TRIPS["source"])]
    assert home.sql("SELECT count(*) FROM inputs") == [(2,)]
    assert {value for (value,) in home.sql("SELECT value FROM input_tags")} == {
        "source",
        "prepared",
    }


def test_what_is_too_long_for_mlflow_is_left_out_with_a_note():
    payload = payload_of([{"t": 1.0, "k": "dataset", **TRIPS, "source": "x" * (MAX_SOURCE + 1)}])
    assert payload.datasets[0].source == ""
    assert "too long" in payload.notes[0]
