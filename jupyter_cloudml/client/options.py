"""The words of a submission, the same for magics, Python, command line and REST, and the spec that they make."""

from __future__ import annotations

import difflib
import keyword
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..capture import CellNames, sets_global
from ..core.errors import BadInput
from ..core.resources import Resources, parse_duration_s, parse_gpus, parse_memory_mib
from ..core.spec import JobSpec, Origin, TargetRef
from ..tracking.config import tracking_uri
from .locations import checkpoint_uri, data_uris
from .requirements import requirements_text

MERGED_WORDS = ("params", "data", "env", "tags")
"""Words whose values of the notebook's defaults and of the cell are merged, the cell's winning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOptions:
    """What a user may say about one job. Values are as people write them: ``gpus="A100:4"``, ``memory="16G"``."""

    name: str = ""
    on: str = "local"
    gpus: str | int = 0
    cpus: str | int = 1
    memory: str | int = 0
    num_nodes: str | int = 1
    nproc_per_node: str | int = 1
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    no_return: bool = False
    params: dict[str, Any] = field(default_factory=dict)
    params_file: str = ""
    data: dict[str, str] = field(default_factory=dict)
    requirements: str = ""
    env: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    experiment: str = ""
    run_name: str = ""
    tracking_uri: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    detach: bool = False
    retries: str | int = 0
    max_runtime: str | float = 0.0
    checkpoint: str = ""
    resume: str = ""
    dry_run: bool = False
    autolog: bool = False


WORDS = tuple(item.name for item in fields(SubmitOptions))


def options_from(
    words: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> SubmitOptions:
    """The options that ``words`` say, on top of ``defaults``.

    Raises:
        BadInput: a word is unknown (with the nearest one as the way out), or two of them contradict each other.
    """
    for word in words:
        if word not in WORDS:
            raise BadInput(f"{word!r} is not an option of a job", hint=suggestion(word, WORDS))
    merged: dict[str, Any] = {**(defaults or {}), **words}
    for word in MERGED_WORDS:
        if word in merged:
            merged[word] = {**(defaults or {}).get(word, {}), **dict(words.get(word, {}))}
    for word in ("inputs", "outputs", "secrets"):
        if merged.get(word) is not None:
            merged[word] = _names(merged[word])
    if merged.get("no_return") and merged.get("outputs"):
        if words.get("no_return") and words.get("outputs"):
            raise BadInput("-o and --no-return contradict each other", hint="give one of them")
        merged.pop("outputs" if words.get("no_return") else "no_return")
    return SubmitOptions(**merged)


def suggestion(word: str, known: tuple[str, ...] | list[str]) -> str:
    """``did you mean X?``, or the whole list where nothing is near."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else "known: " + ", ".join(known)


def build_spec(
    options: SubmitOptions,
    source: str,
    *,
    job_id: str,
    now: float,
    origin: Origin,
    environ: Mapping[str, str],
    home: Path,
    kind: str = "cell",
    execution_count: int = 1,
) -> JobSpec:
    """The spec of one job. Reads the parameter and requirements files; starts nothing.

    Raises:
        BadInput: a value cannot be read as what it should be; the message quotes it.
    """
    gpu_type, gpus = parse_gpus(str(options.gpus))
    resources = Resources(
        gpus=gpus,
        gpu_type=gpu_type,
        cpus=_count("--cpus", options.cpus),
        memory_mib=parse_memory_mib(str(options.memory)),
        num_nodes=_count("--num-nodes", options.num_nodes),
        nproc_per_node=_count("--nproc-per-node", options.nproc_per_node),
    )
    return JobSpec(
        id=job_id,
        source=source,
        name=options.name,
        kind=kind,
        target=TargetRef.parse(options.on),
        resources=resources,
        inputs=options.inputs,
        outputs=() if options.no_return else options.outputs,
        params=_checked_params({**params_of(options.params_file), **options.params}),
        data=data_uris(options.data),
        env={key: str(value) for key, value in options.env.items()},
        secrets=options.secrets,
        requirements=requirements_text(options.requirements),
        experiment=options.experiment or environ.get("MLFLOW_EXPERIMENT_NAME") or "Default",
        run_name=options.run_name,
        tags={key: str(value) for key, value in options.tags.items()},
        tracking_uri=options.tracking_uri or tracking_uri(environ, home),
        retries=_count("--retries", options.retries, least=0),
        max_runtime_s=parse_duration_s(str(options.max_runtime)),
        checkpoint_uri=checkpoint_uri(options.checkpoint),
        resume_from=options.resume,
        autolog=options.autolog,
        detach=options.detach,
        origin=origin,
        created_at=now,
        execution_count=execution_count,
    )


def refuse_unbound_outputs(
    outputs: Collection[str] | None, names: CellNames, namespace: Mapping[str, Any]
) -> None:
    """Refuse ``-o`` names that the cell can surely never bind, before it has run for hours.

    Raises:
        BadInput: such a name; the hint says what the cell binds.
    """
    reaches_more = names.is_dynamic or names.star_imports or names.magics
    for name in outputs or ():
        if not name.isidentifier():
            raise BadInput(f"-o {name!r} is not a name", hint="write -o model,history")
        if name in names.binds or name in namespace or reaches_more:
            continue
        if any(sets_global(value, name) for value in namespace.values()):
            continue
        bound = ", ".join(sorted(names.binds))
        raise BadInput(
            f"-o {name}: the cell binds no such name",
            hint=f"it binds: {bound}" if bound else "it binds no name",
        )


def _checked_params(params: dict[str, Any]) -> dict[str, Any]:
    for name in params:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise BadInput(
                f"parameter {name!r} is not a name that a cell could read", hint="write -p lr 0.1"
            )
    return params


def _names(value: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    return tuple(dict.fromkeys(item.strip() for item in items if item.strip()))


def _count(flag: str, value: str | int, least: int = 1) -> int:
    text = str(value)
    if not text.isdigit() or int(text) < least:
        raise BadInput(f"{flag} {text!r} is not a whole number of {least} or more")
    return int(text)


def _text_of(flag: str, path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise BadInput(f"{flag} {path!r} cannot be read: {why}") from exc


def params_of(path: str, *, dates: bool = True) -> dict[str, Any]:
    """The parameters that a YAML file gives; none without a file. Without ``dates`` they stay text, as in papermill.

    Raises:
        BadInput: it cannot be read, or is no mapping of names to values.
    """
    if not path:
        return {}
    import yaml

    class Loader(yaml.SafeLoader):
        """Safe, and ``1e-3`` is a number as in YAML 1.2 (PyYAML follows 1.1, which wants ``1.0e-3``)."""

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+"), list("-+0123456789")
    )
    if not dates:
        Loader.yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
            for first, known in Loader.yaml_implicit_resolvers.items()
        }
    try:
        values = yaml.load(_text_of("-f", path), Loader) or {}  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        why = getattr(exc, "problem", None) or str(exc).splitlines()[0]
        raise BadInput(f"-f {path!r} is not YAML{where}: {why}") from exc
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise BadInput(
            f"-f {path!r} holds no mapping of names to values", hint="write 'lr: 0.1' lines"
        )
    return values
