"""Finding jobs."""

from __future__ import annotations

from jupyter_cloudml.client.lookup import get
from jupyter_cloudml.client.session import Session
from jupyter_cloudml.core.spec import JobSpec
from jupyter_cloudml.journal.home import DataHome


def test_a_job_is_found_by_its_whole_name_however_old_it_is(tmp_path):
    session = Session(DataHome(tmp_path))
    for number, name in enumerate(["train", "train", *[f"train-{n}" for n in range(60)]]):
        spec = JobSpec(id=f"{number:012x}", source="train()", name=name)
        session.registry.insert(spec, float(number))
    assert get("train", session=session).id == f"{1:012x}"
