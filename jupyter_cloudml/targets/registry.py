"""The kinds of targets that this installation has, loaded only when one is opened.

Backend authors: a package that brings a target declares it in its own ``pyproject.toml``::

    [project.entry-points."jupyter_cloudml.targets"]
    mykind = "my_package.target:MyTarget"
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from ..core.config_files import Table, did_you_mean
from ..core.errors import BadInput, NotInstalled, UnknownTarget
from ..core.spec import TargetRef
from .config import Config

if TYPE_CHECKING:
    from ..journal.home import DataHome
    from .port import Target

GROUP = "jupyter_cloudml.targets"
BUILT_IN = {
    "local": EntryPoint("local", "jupyter_cloudml.targets.local.target:LocalTarget", GROUP),
}
NOT_YET = frozenset({"ssh", "slurm", "ray", "k8s", "sagemaker", "vertex", "azureml"})
"""Kinds that this version does not bring: said so, not called a slip of the pen; a plug-in may bring them."""


def kinds() -> dict[str, EntryPoint]:
    """Every installed kind and where its class is; imports none of them. An entry point of ours wins over a plug-in's."""
    return {**{point.name: point for point in entry_points(group=GROUP)}, **BUILT_IN}


def load(kind: str) -> type[Target]:
    """The class of a kind.

    Raises:
        NotInstalled: the kind is not in this version, or a package that it imports is missing.
        UnknownTarget: nobody brings a kind of that name.
    """
    installed = kinds()
    point = installed.get(kind)
    if point is None:
        raise _missing(kind, installed)
    try:
        loaded: type[Target] = point.load()
    except ImportError as exc:
        raise NotInstalled(
            f"target kind {kind!r} cannot be loaded: {exc}", hint="install what it imports"
        ) from exc
    return loaded


def open_target(ref: TargetRef, *, config: Config, home: DataHome) -> Target:
    """The target that ``kind[:name]`` means. Talks to nobody; safe to repeat.

    ``kind`` alone means ``[targets.kind.default]``, else the only one that is configured, else the kind's own defaults.

    Raises:
        UnknownTarget: no such kind, or no such name in ``cloudml.toml``.
        NotInstalled, BadInput: as ``load`` and ``Target.from_config``.
    """
    target = load(ref.kind)
    named = config.targets.get(ref.kind, {})
    name = ref.name or ("default" if "default" in named or len(named) != 1 else next(iter(named)))
    if name not in named and name != "default":
        raise UnknownTarget(
            f"no target {str(ref)!r} is configured", hint=_names_hint(name, ref.kind, named)
        )
    try:
        return target.from_config(name, named.get(name, {}), home=home)
    except BadInput as exc:
        exc.add_note(f"while opening target {str(ref)!r}")
        raise


def names(config: Config) -> list[str]:
    """Every target that a user may write after ``--on``, for completion and lists: installed kinds, configured names."""
    configured = (f"{kind}:{name}" for kind, named in config.targets.items() for name in named)
    return sorted({*kinds(), *configured})


def _missing(kind: str, installed: Mapping[str, EntryPoint]) -> BadInput | NotInstalled:
    if kind in NOT_YET:
        return NotInstalled(
            f"target kind {kind!r} is not in this version",
            hint=f"there are: {', '.join(sorted(installed))}",
        )
    return UnknownTarget(f"there is no target kind {kind!r}", hint=did_you_mean(kind, installed))


def _names_hint(name: str, kind: str, named: Mapping[str, Table]) -> str:
    known = ["default", *named]
    return f"{did_you_mean(name, known)}; add [targets.{kind}.{name}] to cloudml.toml"
