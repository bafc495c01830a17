"""The way home: what the far side bound, deleted and changed in place, as a delta against the bundle."""

from __future__ import annotations

import gc
import sys
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core.errors import Corrupt, JobFailed, TooLarge
from . import frames
from .baseline import Baseline, Change, Ref, holds, resolve
from .blobs import BlobStore
from .decoding import Reader
from .encoding import Attempt, RootFailed
from .facets import FACETS
from .model import Applied, Decoded, Encoded, Limits
from .rebuild import receiving
from .refusal import explain
from .revive import is_importable

if TYPE_CHECKING:
    from .meanwhile import Keeper

_NO_LIMITS = Limits()
_EXCEPTION = "the exception"


def encode_delta(
    decoded: Decoded,
    namespace: dict[str, Any],
    *,
    bound: dict[str, Any],
    deleted: list[str],
    only: tuple[str, ...] | None = None,
    exception: BaseException | None = None,
    extra: dict[str, Any] | None = None,
    blobs: BlobStore,
    limits: Limits = _NO_LIMITS,
    portable: bool = False,
) -> dict[str, Any]:
    """The manifest of what changed since ``decode``: names ``bound`` and ``deleted``, objects changed in place.

    ``only`` restricts names, and changes to objects that those names reach. What cannot travel, or is above
    ``limits.max_bytes``, is under ``left_out`` with the reason; this never fails because of a value.

    Raises:
        Unavailable: the disk is full or read-only.
        Corrupt: a blob of the bundle proved damaged.
    """
    baseline: Baseline = decoded.state
    baseline.reader.regions.check()
    outgoing = Outgoing(
        baseline=baseline,
        names=dict(bound),
        extra=dict(extra or {}),
        exception=exception,
        limits=limits,
    )
    if only is not None:
        outgoing.names = {name: namespace[name] for name in only if name in namespace}
    outgoing.changed, outgoing.replaced = baseline.changes()
    if only is not None:
        outgoing.restrict(reachable(list(outgoing.names.values()), namespace))
    while True:
        known, changes = outgoing.settle(namespace, is_restricted=only is not None)
        attempt = Attempt.new(namespace, blobs, portable, bundle_digests(decoded.manifest))
        attempt.known = known
        attempt.leaves.detaches = True
        attempt.leaves.home_memory = baseline.memory(known)
        try:
            manifest = outgoing.write(attempt, changes)
        except RootFailed as failure:
            outgoing.drop(failure)
            continue
        manifest["deleted"] = [name for name in deleted if only is None or name in only]
        manifest["left_out"] = outgoing.left_out
        return manifest


@dataclass(kw_only=True)
class Outgoing:
    """What is to go home, less what proved unable to travel."""

    baseline: Baseline
    names: dict[str, Any]
    extra: dict[str, Any]
    exception: BaseException | None
    limits: Limits
    changed: dict[Ref, Change] = field(default_factory=dict)
    replaced: set[Ref] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)
    _given_up: set[Ref] = field(default_factory=set)
    _plain_exception: bool = False

    def restrict(self, reached: set[int]) -> None:
        """Keep only changes of objects with these ids."""
        self.changed = {r: c for r, c in self.changed.items() if id(c.obj) in reached}
        self.replaced = {r for r in self.replaced if id(self.baseline.objects[r]) in reached}

    def settle(
        self, namespace: dict[str, Any], *, is_restricted: bool
    ) -> tuple[dict[int, Ref], dict[Ref, Change]]:
        """What is known at home, and the patches, once every holder of a replaced object is patched too."""
        known = dict(self.baseline.known)
        changes = {r: c for r, c in self.changed.items() if r not in self._given_up}
        targets = {id(self.baseline.objects[ref]) for ref in self.replaced}
        if not targets:
            return known, changes
        for target in targets:
            known.pop(target, None)
        for ref in self.baseline.holders(targets):
            if ref not in self.replaced and ref not in self._given_up:
                changes[ref] = self.baseline.whole(ref)
        for ref in self.replaced:
            changes.pop(ref, None)
        if not is_restricted:
            for name, value in namespace.items():
                if name not in self.left_out and holds(value, targets):
                    self.names.setdefault(name, value)
        return known, changes

    def write(self, attempt: Attempt, changes: dict[Ref, Change]) -> dict[str, Any]:
        """Encode everything; the manifest. Raises RootFailed with the name of what failed."""
        for name, value in self.names.items():
            attempt.add(name, value)
            self._check_size(attempt, name)
        names, notes = dict(attempt.entries), dict(attempt.notes)
        patches = []
        for ref, change in changes.items():
            name = f"patch {ref}"
            try:
                sent = [(facet, _carried(attempt, patch)) for facet, patch in change.patches]
            except Exception as exc:  # a user's __reduce__ in a frame's cell may raise anything
                raise RootFailed(name, exc) from exc
            patches.append([ref, attempt.add(name, sent)])
        attempt.entries.clear()
        for name, value in self.extra.items():
            attempt.add(f"extra {name}", value)
        extra = {name: attempt.entries[f"extra {name}"] for name in self.extra}
        failure = self._exception_entry(attempt)
        manifest = attempt.finish()
        if notes:
            manifest["notes"] = notes
        return {**manifest, "names": names, "patches": patches, "extra": extra, **failure}

    def _exception_entry(self, attempt: Attempt) -> dict[str, Any]:
        if self.exception is None:
            return {}
        kind = type(self.exception)
        described: dict[str, Any] = {
            "type": f"{kind.__module__}.{kind.__qualname__}",
            "message": _text(self.exception),
        }
        if not self._plain_exception:
            described["value"] = attempt.add(_EXCEPTION, self.exception)
        return {"exception": described}

    def _check_size(self, attempt: Attempt, name: str) -> None:
        size = attempt.reports[name].bytes
        if self.limits.max_bytes and size > self.limits.max_bytes:
            mib = 1 << 20
            raise RootFailed(
                name,
                TooLarge(
                    f"{name!r} is {size / mib:,.1f} MiB, above the limit of {self.limits.max_bytes / mib:,.1f} MiB",
                    hint=f"%cloudpull brings {name!r} when you want it",
                ),
            )

    def drop(self, failure: RootFailed) -> None:
        """Give up what failed: a name with its reason; a patch becomes a replacement, then is left out."""
        name, cause = failure.name, failure.cause
        kind, _, rest = name.partition(" ")
        if name in self.names:
            reason = (
                cause if isinstance(cause, TooLarge) else explain(self.names.pop(name), name, cause)
            )
            self.names.pop(name, None)
            self.left_out[name] = str(reason)
        elif name == _EXCEPTION:
            self._plain_exception = True
        elif kind == "extra":
            del self.extra[rest]
        else:
            self._drop_patch(int(rest), cause)

    def _drop_patch(self, ref: Ref, cause: Exception) -> None:
        obj = self.baseline.objects[ref]
        self._given_up.add(ref)
        label = f"{type(obj).__qualname__} that changed in place"
        self.left_out.setdefault(label, f"its change cannot travel: {cause}")


def _carried(attempt: Attempt, patch: Any) -> Any:
    """A patch whose leaf content is named by a number of its own: the leaf itself would be a reference."""
    if isinstance(patch, tuple) and len(patch) == 2:
        if patch[0] in ("content", "frame"):
            return patch[0], attempt.leaves.add(patch[1], private=True)
        if patch[0] == "tensor" and "content" in patch[1]:
            number = attempt.leaves.add(patch[1]["content"], private=True)
            return "tensor", {**patch[1], "content": number}
    return patch


def bundle_digests(manifest: dict[str, Any]) -> frozenset[str]:
    """Blobs that are at home already."""
    return frozenset(entry["blob"] for entry in manifest["regions"] if "blob" in entry)


def reachable(roots: list[Any], namespace: dict[str, Any]) -> set[int]:
    """Ids of all objects that ``roots`` reach without passing through a module, a frame or the namespace.

    Classes and functions of packages are reached and not passed through: behind them lies all of their package.
    """
    tensor = getattr(sys.modules.get("torch"), "Tensor", ())
    seen = {id(namespace)}
    found: set[int] = set()
    todo = list(roots)
    while todo:
        obj = todo.pop()
        if id(obj) in seen or isinstance(obj, (types.ModuleType, types.FrameType)):
            continue
        seen.add(id(obj))
        found.add(id(obj))
        if isinstance(obj, types.FunctionType):
            parts = (obj.__closure__, obj.__defaults__, obj.__kwdefaults__, obj.__dict__)
            todo.extend(part for part in parts if part)
        elif not (isinstance(obj, type) and is_importable(obj)):
            todo.extend(gc.get_referents(obj))
        if isinstance(obj, tensor) and obj.is_leaf and obj.grad is not None:
            todo.append(obj.grad)
    return found


def apply_delta(
    manifest: dict[str, Any],
    home: Encoded | Decoded,
    namespace: dict[str, Any],
    blobs: BlobStore,
    *,
    trusted: bool = True,
    meanwhile: Keeper | None = None,
) -> Applied:
    """Repeat at home what the far side did: objects of ``home`` change in place, then names are bound and deleted.

    Everything is read before anything changes, so a damaged result leaves the namespace as it was. Safe to repeat. What
    the notebook has changed ``meanwhile`` stays as it is, and is named under ``kept``.

    Raises:
        Corrupt: a blob is missing or damaged, or the manifest is.
        FarSideError: it needs pickle and is not ``trusted``.
    """

    def known(ref: Ref) -> Any:
        try:
            return resolve(home.objects, ref)
        except LookupError as exc:
            raise Corrupt(
                f"the result names object {ref}, which the bundle does not have",
                hint="the result belongs to another bundle",
            ) from exc

    reader = Reader(
        manifest, blobs, namespace, trusted=trusted, bundle=home.blobs, persistent_load=known
    )
    names = reader.names(manifest["names"])
    with receiving(namespace, reader.leaves.leaf):
        patches = {ref: reader.value("a change in place", e) for ref, e in manifest["patches"]}
        extra = {name: reader.value(name, entry) for name, entry in manifest["extra"].items()}
        exception = _exception(reader, manifest.get("exception"))
        contents = {
            n: reader.leaves.leaf(n) for sent in patches.values() for n in _content_numbers(sent)
        }
    objects = {ref: known(ref) for ref in patches}
    blobs.check()
    home.blobs.check()
    deleted = list(manifest["deleted"])
    kept: frozenset[str] = frozenset()
    if meanwhile is not None:
        stays = meanwhile.kept(patches, names, deleted)
        kept = stays.names
        names = {name: value for name, value in names.items() if name not in kept}
        deleted = [name for name in deleted if name not in kept]
        objects = {ref: obj for ref, obj in objects.items() if ref not in stays.refs}
    for ref, obj in objects.items():
        for facet, patch in patches[ref]:
            _repeat(obj, facet, patch, contents)
    namespace.update(names)
    for name in deleted:
        namespace.pop(name, None)
    return Applied(
        names=tuple(names),
        deleted=tuple(deleted),
        left_out={**manifest["left_out"], **reader.left_out},
        exception=exception,
        extra=extra,
        patched=tuple(objects.values()),
        notes=dict(manifest.get("notes", {})),
        kept=tuple(sorted(kept)),
    )


def _content_numbers(sent: list[tuple[str, Any]]) -> list[int]:
    numbers = []
    for facet, patch in sent:
        if facet == "leaf":
            number = patch[1].get("content") if patch[0] == "tensor" else patch[1]
            numbers.extend([] if number is None else [number])
    return numbers


def _repeat(obj: Any, facet: str, patch: Any, contents: dict[int, Any]) -> None:
    if facet in FACETS:
        FACETS[facet].repeat(obj, patch)
        return
    action, what = patch
    if action == "content":
        _copy_array(obj, contents[what])
    elif action == "frame":
        frames.change_in_place(obj, contents[what])
    elif action == "tensor":
        _change_tensor(obj, what, contents)
    elif action == "state":
        obj.state = what
    else:
        obj.__setstate__(what)


def _copy_array(array: Any, content: Any) -> None:
    import numpy as np

    is_writeable = array.flags.writeable
    if not is_writeable:
        array.setflags(write=True)
    np.copyto(array, content, casting="no")
    if not is_writeable:
        array.setflags(write=False)


def _change_tensor(tensor: Any, patch: dict[str, Any], contents: dict[int, Any]) -> None:
    if "content" in patch:
        new = contents[patch["content"]].detach()
        if new.shape == tensor.shape and new.dtype == tensor.dtype:
            tensor.detach().copy_(new)
        else:
            tensor.data = new.to(tensor.device)
    if "requires_grad" in patch:
        tensor.requires_grad_(patch["requires_grad"])
    if "grad" in patch:
        grad = patch["grad"]
        tensor.grad = grad if grad is None else grad.to(tensor.device)


def _exception(reader: Reader, entry: dict[str, Any] | None) -> BaseException | None:
    if entry is None:
        return None
    if "value" in entry:
        error = reader.value("the exception", entry["value"])
        if isinstance(error, BaseException):
            return error
    return JobFailed(f"{entry['type']}: {entry['message']}", hint="its own type cannot travel")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as exc:  # noqa: BLE001  a user's __str__ may raise anything
        return f"(its text cannot be made: {type(exc).__name__})"
