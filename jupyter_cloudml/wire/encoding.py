"""Values of a namespace → a manifest and blobs."""

from __future__ import annotations

import io
import sys
import types
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core.collector import paused_collector
from ..core.errors import CannotTravel, TooLarge
from .blobs import BlobStore
from .identity import Identity
from .inline import to_inline
from .leaves import LeafWriter, has_graph
from .model import Encoded, Limits, ValueReport
from .rebuild import PYTHON_TAG
from .refusal import explain
from .regions import Extent, RegionWriter, bytes_extent

if TYPE_CHECKING:
    from .graph import GraphPickler, Session

SCHEMA = 1
NOT_FOLLOWED = frozenset({"get_ipython", "exit", "quit", "open", "In", "Out", "_oh", "_ih", "_dh"})
_DETACHED = "came home detached: its autograd graph stayed with the job"
_NO_LIMITS = Limits()


def encode(
    values: dict[str, Any],
    *,
    namespace: dict[str, Any],
    blobs: BlobStore,
    portable: bool = False,
    required: set[str] | None = None,
    limits: Limits = _NO_LIMITS,
) -> Encoded:
    """Encode ``values`` and every global of ``namespace`` that their functions read, transitively.

    ``required`` names (all of ``values`` unless given) must travel; others that cannot are left out with a reason.
    ``portable`` bundles are verified and compiled by any Python from 3.10 on without our dependencies.
    After return every blob is stored whole; after an exception blobs may be stored that nothing names.

    Raises:
        CannotTravel: a required value; the message names it and the path inside it.
        TooLarge: the values are above ``limits.max_bytes``.
        Unavailable: the disk is full or read-only.
    """
    with paused_collector():
        return _encode(values, namespace, blobs, portable, required, limits)


def _encode(
    values: dict[str, Any],
    namespace: dict[str, Any],
    blobs: BlobStore,
    portable: bool,
    required: set[str] | None,
    limits: Limits,
) -> Encoded:
    needed = set(values) if required is None else required
    left_out: dict[str, str] = {}
    while True:
        attempt = Attempt.new(namespace, blobs, portable)
        try:
            _collect(attempt, values, left_out)
        except RootFailed as failure:
            reason = explain(attempt.value_of(failure.name, values), failure.name, failure.cause)
            if failure.name in needed:
                raise CannotTravel(reason.message, hint=reason.hint) from failure.cause
            left_out[failure.name] = str(reason)
            continue
        attempt.optional = [name for name in attempt.entries if name not in needed]
        return _finish(attempt, left_out, limits, blobs)


class RootFailed(Exception):
    """A value could not be pickled; the stream is broken from here on."""

    def __init__(self, name: str, cause: Exception) -> None:
        super().__init__(name)
        self.name = name
        self.cause = cause


@dataclass(kw_only=True)
class Attempt:
    """One pass over all values. Thrown away when a value fails, since the memo then holds what was never written."""

    namespace: dict[str, Any]
    portable: bool
    leaves: LeafWriter
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: dict[str, ValueReport] = field(default_factory=dict)
    optional: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    roots: int = 0
    keep: list[Any] = field(default_factory=list)
    file: io.BytesIO = field(default_factory=io.BytesIO)
    known: dict[int, int] | None = None
    _session: Session | None = None
    _pickler: GraphPickler | None = None

    @classmethod
    def new(
        cls,
        namespace: dict[str, Any],
        blobs: BlobStore,
        portable: bool,
        stored_elsewhere: frozenset[str] = frozenset(),
    ) -> Attempt:
        regions = RegionWriter(blobs=blobs, portable=portable, stored_elsewhere=stored_elsewhere)
        attempt = cls(
            namespace=namespace,
            portable=portable,
            leaves=LeafWriter(regions=regions, part_pickler=lambda value: attempt.part(value)),
        )
        return attempt

    @property
    def session(self) -> Session:
        """What the picklers share; loads cloudpickle on first use."""
        if self._session is None:
            from .graph import Session

            self._session = Session(
                namespace=self.namespace, leaves=self.leaves, portable=self.portable
            )
        return self._session

    @property
    def pickler(self) -> GraphPickler:
        if self._pickler is None:
            from .graph import DeltaPickler, GraphPickler

            if self.known:
                self._pickler = DeltaPickler(self.file, self.session, self.known)
            else:
                self._pickler = GraphPickler(self.file, self.session)
        return self._pickler

    def part(self, value: Any) -> tuple[bytes, list[memoryview]]:
        from .graph import pickle_part

        return pickle_part(self.session, value)

    def value_of(self, name: str, values: dict[str, Any]) -> Any:
        return values[name] if name in values else self.namespace.get(name)

    def add(self, name: str, value: Any, via: str = "") -> dict[str, Any]:
        """Encode one value; its manifest entry.

        Raises:
            RootFailed: it cannot travel.
        """
        regions = self.leaves.regions
        bytes_before, written_before = regions.total_bytes, self.file.tell()
        detached_before = self.leaves.detached
        try:
            entry, how = self._entry(value)
        except Exception as exc:  # a user's __reduce__ may raise anything
            raise RootFailed(name, exc) from exc
        self.entries[name] = entry
        if self.leaves.detached > detached_before:
            self.notes[name] = _DETACHED
        size = regions.total_bytes - bytes_before + self.file.tell() - written_before
        self.reports[name] = ValueReport(name=name, how=how, bytes=size, via=via)
        return entry

    def _entry(self, value: Any) -> tuple[dict[str, Any], str]:
        inline = to_inline(value)
        if inline is not None:
            return inline, "json"
        kind = type(value)
        if self.known and id(value) in self.known:
            return {"ref": self.known[id(value)]}, "same"
        if kind is types.ModuleType and _is_imported(value):
            return {"module": value.__name__}, "module"
        if has_graph(value):
            if self.session.graphs.can_take(value):
                return {"root": self.dump(value)}, _how(kind)
            if not self.leaves.detaches:
                raise CannotTravel("its autograd graph cannot travel")
        if self.leaves.covers(kind) and not _has_attributes(value, kind):
            number = self.leaves.add(value)
            if number is not None:
                return {"leaf": number}, _how(kind)
        return {"root": self.dump(value)}, "pickle"

    def dump(self, value: Any) -> int:
        """Add a root to the graph stream; its number."""
        self.keep.append(value)
        self.pickler.dump(value)
        self.roots += 1
        return self.roots - 1

    def finish(self) -> dict[str, Any]:
        """Store all blobs; the manifest without its names."""
        regions = self.leaves.regions
        parts: list[Extent] = []
        if self._pickler is not None:
            parts = [regions.add(bytes_extent(view)) for view in self._pickler.buffers]
        manifest: dict[str, Any] = {"schema": SCHEMA, "python": PYTHON_TAG, **self.leaves.finish()}
        if self.roots:
            manifest["stream"] = regions.store_bytes(self.file.getvalue())
            manifest["roots"] = self.roots
            manifest["buffers"] = [part.place[0] for part in parts]
        return manifest

    def identity(self) -> Identity:
        """Which number each captured object has."""
        memo: dict[int, Any] = {}
        if self._pickler is not None:
            memo = dict(self._pickler.memo.copy().values())
        return Identity(leaves=self.leaves.objects, memo=memo)


def _collect(attempt: Attempt, values: dict[str, Any], left_out: dict[str, str]) -> None:
    """Encode ``values``, then the globals that their functions read, until no new name turns up."""
    queue: deque[tuple[str, Any, str]] = deque((name, values[name], "") for name in values)
    seen = set(values) | set(left_out) | NOT_FOLLOWED
    namespace = attempt.namespace
    while queue:
        name, value, via = queue.popleft()
        if name in left_out:
            continue
        attempt.add(name, value, via)
        if attempt._session is None:
            continue
        read = attempt.session.globals_read
        for found, function in read.items():
            if found not in seen and found in namespace:
                seen.add(found)
                queue.append((found, namespace[found], function))
        read.clear()


def _finish(
    attempt: Attempt, left_out: dict[str, str], limits: Limits, blobs: BlobStore
) -> Encoded:
    total = attempt.leaves.regions.total_bytes + attempt.file.tell()
    if limits.max_bytes and total > limits.max_bytes:
        largest = max(attempt.reports.values(), key=lambda report: report.bytes)
        raise TooLarge(
            f"the captured values are {_size(total)}, above the limit of {_size(limits.max_bytes)};"
            f" the largest is {largest.name!r} with {_size(largest.bytes)}",
            hint="keep it in a store and read it in the cell, raise the limit, or name the inputs with -i",
        )
    identity = attempt.identity()
    manifest = attempt.finish()
    manifest["names"] = attempt.entries
    manifest["portable"] = attempt.portable
    if attempt.optional:
        manifest["optional"] = attempt.optional
    if left_out:
        manifest["left_out"] = left_out
    return Encoded(
        manifest=manifest,
        report=_report(attempt, limits),
        left_out=left_out,
        objects=identity,
        blobs=blobs,
    )


def _report(attempt: Attempt, limits: Limits) -> list[ValueReport]:
    """Bytes that were written are told of the values in proportion to their sizes."""
    sent, total = attempt.leaves.regions.sent_bytes, attempt.leaves.regions.total_bytes
    share = min(1.0, sent / total) if total else 1.0
    return [
        ValueReport(
            name=one.name,
            how=one.how,
            bytes=one.bytes,
            sent_bytes=int(one.bytes * share),
            via=one.via,
            note=f"above {_size(limits.warn_bytes)}" if one.bytes > limits.warn_bytes else "",
        )
        for one in attempt.reports.values()
    ]


def _is_imported(module: types.ModuleType) -> bool:
    return module.__name__ != "__main__" and sys.modules.get(module.__name__) is module


def _has_attributes(value: Any, kind: type) -> bool:
    return kind.__module__.startswith("torch") and bool(getattr(value, "__dict__", None))


def _how(kind: type) -> str:
    package = kind.__module__.partition(".")[0]
    return f"{package} {kind.__name__}"


def _size(count: int) -> str:
    return f"{count / (1 << 20):,.1f} MiB"
