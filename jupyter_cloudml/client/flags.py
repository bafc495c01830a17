"""The flags of every command: ``--gpus A100:4 -p lr 0.1``. One table feeds parsing, help and completion."""

from __future__ import annotations

from dataclasses import replace

from .line import MANY, Flag, keep, names, pairs, parameter, sink, switch


def _option(*spelt: str, takes: str, help: str, completes: str = "") -> Flag:  # noqa: A002
    """A flag that takes one value, the last one given counts."""
    return Flag(
        names=spelt, word=_word(spelt), fold=keep, takes=takes, help=help, completes=completes
    )


def _switch(*spelt: str, help: str) -> Flag:  # noqa: A002
    """A flag that takes nothing."""
    return Flag(names=spelt, word=_word(spelt), fold=switch, arity=0, help=help)


def _word(spelt: tuple[str, ...]) -> str:
    return spelt[-1].removeprefix("--").replace("-", "_")


JOB_FLAGS: tuple[Flag, ...] = (
    _option("--on", takes="kind[:name]", completes="target", help="where to run"),
    _option("--gpus", takes="[TYPE:]N", help="GPUs per node: 2, or A100:4"),
    _option("--cpus", takes="N", help="CPU cores per node"),
    _option("--memory", takes="16G", help="main memory per node; a job that uses more is ended"),
    _option("--num-nodes", takes="N", help="number of nodes"),
    _option("--nproc-per-node", takes="N", help="processes per node"),
    Flag(
        names=("-i", "--inputs"),
        word="inputs",
        fold=names,
        takes="a,b",
        completes="variable",
        help="send only these data names; functions, classes and modules still travel",
    ),
    Flag(
        names=("-o", "--outputs"),
        word="outputs",
        fold=names,
        takes="x,y",
        completes="variable",
        help="bring home only these names",
    ),
    _switch("--no-return", help="bring no value home"),
    Flag(
        names=("-p", "--param"),
        word="params",
        fold=parameter,
        arity=2,
        takes="name value",
        help="bind a parameter in the cell and record it",
    ),
    _option(
        *("-f", "--params-file"),
        takes="params.yaml",
        completes="file",
        help="parameters from a YAML file",
    ),
    Flag(
        names=("--data",),
        word="data",
        fold=pairs,
        arity=MANY,
        takes="name=URI ...",
        help="a file, folder or URI (s3://, gs://, az://); in the cell cloudml.data[name] is a path, .lazy() or .stream()",
    ),
    _option(
        *("-r", "--requirements"),
        takes="requirements.txt",
        completes="file",
        help="packages that the job gets on top of the kernel's; made once, then kept",
    ),
    Flag(
        names=("--env",),
        word="env",
        fold=pairs,
        takes="K=V",
        help="an environment variable of the job",
    ),
    Flag(
        names=("--secret",),
        word="secrets",
        fold=names,
        takes="NAME",
        completes="secret",
        help="an environment variable of this kernel, passed on but never written down",
    ),
    _option("--experiment", takes="E", help="MLflow experiment"),
    _option("--run-name", takes="R", help="name of the MLflow run"),
    Flag(names=("--tag",), word="tags", fold=pairs, takes="k=v", help="a tag of the MLflow run"),
    _switch("--detach", help="return a Job at once"),
    _option("--retries", takes="N", help="start again after a failure"),
    _option("--max-runtime", takes="4h", help="stop the job after this time"),
    _option(
        "--checkpoint",
        takes="URI",
        help="a directory or URI (s3://, gs://, az://) for checkpoints that outlives the job; the next job with it goes on",
    ),
    _option(
        "--resume",
        takes="JOB",
        completes="job",
        help="start from the newest checkpoint of that job (its id or name)",
    ),
    _switch("--dry-run", help="report what would travel; start nothing"),
    _switch("--autolog", help="turn MLflow autologging on in the cell"),
)
"""Of a cell that runs as a job."""

_OF_JOB = {flag.word: flag for flag in JOB_FLAGS}

_NOT_OF_PREP = frozenset(
    {"no_return", "data", "inputs", "outputs", "autolog", "checkpoint", "resume"}
)
PREP_FLAGS: tuple[Flag, ...] = (
    Flag(
        names=("--source",),
        word="sources",
        fold=pairs,
        arity=MANY,
        takes="name=URI ...",
        completes="uri",
        help="a file, pattern (data/*.parquet) or folder, bound in the cell as a lazy table",
    ),
    Flag(
        names=("--sink",),
        word="sinks",
        fold=sink,
        takes="[name=]URI",
        completes="uri",
        help="where the result goes; a folder ends with /",
    ),
    replace(_OF_JOB["outputs"], takes="df", help="bring the result home under this name"),
    _option("-n", "--rows", takes="ROWS", help="how many rows are shown (default 10)"),
    _option(
        "--engine",
        takes="NAME",
        completes="engine",
        help="auto (default), polars, duckdb, spark or bigquery",
    ),
    Flag(
        names=("--partition-by",),
        word="partition_by",
        fold=names,
        takes="a,b",
        help="a folder for each value of these columns, below the sink",
    ),
    _option(
        "--format",
        takes="parquet|csv|jsonl|arrow",
        help="of a sink whose name does not say it (a folder: parquet)",
    ),
    _switch("--cache", help="use an earlier result of the same cell and data (default)"),
    _switch("--no-cache", help="compute anew"),
    *(flag for flag in JOB_FLAGS if flag.word not in _NOT_OF_PREP),
)
"""Of ``%%cloudprep``."""

LIST_FLAGS = (
    _option("--state", takes="STATE", help="only jobs in this state"),
    replace(_OF_JOB["on"], help="only this target"),
    replace(_OF_JOB["experiment"], help="only this experiment"),
    _option("-n", "--limit", takes="N", help="how many (default 20)"),
)
FOLLOW_FLAGS = (_switch("-f", "--follow", help="go on until the job ends"),)
OUTPUT_FLAGS = (_OF_JOB["outputs"],)
_OF_ALL_JOBS = frozenset(
    {
        *(
            "on",
            "gpus",
            "cpus",
            "memory",
            "num_nodes",
            "nproc_per_node",
            "requirements",
            "env",
            "secrets",
        ),
        *("experiment", "tags", "retries", "max_runtime", "checkpoint", "autolog", "detach"),
    }
)
CONFIG_FLAGS = (
    *(flag for flag in JOB_FLAGS if flag.word in _OF_ALL_JOBS),
    _switch("--batch", help="one interrupt cancels the job"),
    _switch("--no-batch", help="the first interrupt detaches"),
    _switch("--reset", help="forget what was set here"),
)
"""What `%cloudconfig` may set for every job of a notebook."""
RUN_FLAGS = (
    _option("-c", "--code", takes="CODE", help="run this text"),
    _option("--output", takes="OUT.ipynb", help="where an executed notebook goes"),
    *(flag for flag in JOB_FLAGS if flag.word not in ("inputs", "outputs", "no_return", "dry_run")),
    _option("--name", takes="NAME", help="name of the job"),
)
PULL_FLAGS = (*OUTPUT_FLAGS, _option("--to", takes="FILE.pkl", help="write the values there"))
PRUNE_FLAGS = (
    _option("--older-than", takes="30d", help="jobs that ended so long ago"),
    _option("--max-size", takes="10G", help="the oldest, until all take this"),
    replace(_OF_JOB["dry_run"], help="only say what would go"),
)
UI_FLAGS = (_option("--port", takes="PORT", help="default 5000"),)
JSON_FLAG = _switch("--json", help="print JSON")
HELP_FLAG = _switch("-h", "--help", help="show this")
