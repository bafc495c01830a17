"""The plan of a local job, pinned by golden files: run with ``CLOUDML_WRITE_GOLDEN=1`` to write them anew."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.core.resources import Resources
from jupyter_cloudml.core.spec import JobSpec, Origin
from jupyter_cloudml.targets.local.request import LocalOptions, plan_local

GOLDEN = Path(__file__).parent / "data" / "plans"
PLAIN = JobSpec(id="0123456789ab", source="x = 1")
CASES = {
    "plain": (PLAIN, LocalOptions()),
    "gpus": (
        replace(PLAIN, resources=Resources(gpus=2, gpu_type="A100", cpus=4, memory_mib=16384)),
        LocalOptions(gpus=8),
    ),
    "environment": (
        replace(PLAIN, env={"WORD": "a'; \"b\n$c"}, secrets=("TOKEN",)),
        LocalOptions(env={"WORD": "less", "OTHER": "1"}),
    ),
    "packages": (
        replace(PLAIN, requirements="--index-url https://host/simple\nscipy>=1\n# why\nnumpy<3"),
        LocalOptions(),
    ),
    "kernel_python": (
        replace(PLAIN, origin=Origin(python="/opt/my env/bin/python")),
        LocalOptions(),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_plan_is_the_golden_one(name):
    spec, options = CASES[name]
    request = plan_local(
        spec, Path("/home/ada/jobs/0123456789ab"), options, python="/usr/bin/python3"
    )
    text = json.dumps(request.to_json(), indent=1, sort_keys=True) + f"\n\n{request}\n"
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("CLOUDML_WRITE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        (Resources(num_nodes=2), "--num-nodes 2"),
        (Resources(cpus=9), "--cpus 9 is more than the 8"),
        (Resources(gpus=1), "--gpus 1 is more than the 0"),
    ],
)
def test_what_this_machine_can_never_give_is_refused(resources, words):
    spec = replace(PLAIN, resources=resources)
    with pytest.raises(BadInput, match=words):
        plan_local(spec, Path("/jobs/0123456789ab"), LocalOptions(cpus=8, gpus=0), python="python")
