"""What the far side noted of every object when it was decoded, and what changed since."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core.collector import paused_collector
from . import frames
from .facets import FACETS, Unpatchable
from .identity import Identity
from .kinds import OPAQUE, can_be_referred, facets_of
from .leaves import extent_of
from .views import KnownMemory

if TYPE_CHECKING:
    from .leaves import LeafReader

Ref = int
_ONLY_OURS = 3


def leaf_ref(number: int) -> Ref:
    """The reference to a leaf: even; memo numbers are odd."""
    return number * 2


def memo_ref(number: int) -> Ref:
    return number * 2 + 1


def resolve(identity: Identity, ref: Ref) -> Any:
    """The object of a reference.

    Raises:
        LookupError: the identity table has no such object.
    """
    return identity.memo[ref >> 1] if ref & 1 else identity.leaves[ref >> 1]


@dataclass(kw_only=True)
class Change:
    """How one known object changed: patches by facet."""

    obj: Any
    patches: list[tuple[str, Any]] = field(default_factory=list)


@dataclass(kw_only=True)
class Baseline:
    """Notes on every decoded object. ``known`` maps ``id(obj)`` to its reference; all are kept alive."""

    reader: LeafReader
    namespace: dict[str, Any]
    known: dict[int, Ref] = field(default_factory=dict)
    objects: dict[Ref, Any] = field(default_factory=dict)
    notes: dict[Ref, list[tuple[str, Any]]] = field(default_factory=dict)

    @classmethod
    def take(cls, identity: Identity, reader: LeafReader, namespace: dict[str, Any]) -> Baseline:
        """Note the state of every object. Costs a shallow copy of each container, nothing for large arrays."""
        baseline = cls(reader=reader, namespace=namespace)
        with paused_collector():
            baseline._note_all(identity)
        return baseline

    def _note_all(self, identity: Identity) -> None:
        for number, leaf in enumerate(identity.leaves):
            if leaf is not None:
                self._know(leaf_ref(number), leaf)
        memo = identity.memo
        for number in list(memo):
            obj = memo[number]
            if sys.getrefcount(obj) <= _ONLY_OURS:
                del memo[number]  # a temporary of the pickle stream: nobody else can reach it
            elif can_be_referred(obj) and id(obj) not in self.known:
                self._know(memo_ref(number), obj)
        for ref, obj in self.objects.items():
            notes = self._notes_of(ref, obj)
            if notes:
                self.notes[ref] = notes

    def _know(self, ref: Ref, obj: Any) -> None:
        self.known[id(obj)] = ref
        self.objects[ref] = obj

    def _notes_of(self, ref: Ref, obj: Any) -> list[tuple[str, Any]]:
        if not ref & 1:
            if self.reader.manifest["leaves"][ref >> 1]["k"] == "part":
                return [("leaf", frames.snapshot(obj, self._fingerprint))]
            return [("leaf", _note_leaf(obj))]
        notes: list[tuple[str, Any]] = []
        for facet in facets_of(obj, self.namespace):
            if facet == OPAQUE:
                notes.append((OPAQUE, self._fingerprint(obj)))
            else:
                notes.append((facet, FACETS[facet].note(obj)))
        return notes

    def _fingerprint(self, obj: Any) -> bytes | None:
        from .graph import fingerprint

        return fingerprint(obj, self.known, self.namespace)

    def changes(self) -> tuple[dict[Ref, Change], set[Ref]]:
        """Objects that changed and can be patched, and those that can only be replaced."""
        changed: dict[Ref, Change] = {}
        replaced: set[Ref] = set()
        for ref, notes in self.notes.items():
            try:
                patches = list(self._patches(ref, notes))
            except Unpatchable:
                replaced.add(ref)
                continue
            if patches:
                changed[ref] = Change(obj=self.objects[ref], patches=patches)
        return changed, replaced

    def _patches(self, ref: Ref, notes: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        obj = self.objects[ref]
        for facet, note in notes:
            if facet == "leaf":
                patch = self._leaf_change(ref >> 1, obj, note)
            elif facet == OPAQUE:
                patch = self._opaque_change(obj, note)
            else:
                patch = FACETS[facet].change(obj, note)
            if patch is not None:
                yield facet, patch

    def _opaque_change(self, obj: Any, note: bytes | None) -> Any:
        if note is None or self._fingerprint(obj) == note:
            return None
        reduced = obj.__reduce_ex__(5)
        if len(reduced) != 3 or reduced[2] is None or not hasattr(obj, "__setstate__"):
            if hasattr(type(obj), "__setstate_cython__") or not _is_bit_generator(obj):
                raise Unpatchable
            return ("state", obj.state)
        return ("setstate", reduced[2])

    def _leaf_change(self, number: int, leaf: Any, note: Any) -> Any:
        kind = self.reader.manifest["leaves"][number]["k"]
        if kind == "part":
            is_changed = frames.is_changed(leaf, note, self._fingerprint)
            return ("frame", leaf) if is_changed else None
        if kind == "nd":
            if _note_leaf(leaf) != note:
                raise Unpatchable
            return None if self.reader.is_unchanged(number) else ("content", leaf)
        return self._tensor_change(number, leaf, note)

    def _tensor_change(self, number: int, leaf: Any, note: Any) -> Any:
        now = _note_leaf(leaf)
        patch: dict[str, Any] = {}
        if now[0] != note[0] or not self.reader.is_unchanged(number):
            patch["content"] = leaf
        if now[1] != note[1]:
            patch["requires_grad"] = now[1]
        if now[2] is not note[2]:
            patch["grad"] = now[2]
        return ("tensor", patch) if patch else None

    def memory(self, known: dict[int, Ref]) -> KnownMemory:
        """The memory of the known arrays and tensors whose layout is still what it is at home."""
        found = []
        for ref, notes in self.notes.items():
            if ref & 1 or id(self.objects[ref]) not in known:
                continue
            description = self.reader.manifest["leaves"][ref >> 1]
            leaf = self.objects[ref]
            if description["k"] == "part" or "compact" in description:
                continue
            place = _note_leaf(leaf)
            if notes[0][1][0] == place[0] and (description["k"] != "nd" or notes[0][1] == place):
                extent = extent_of(leaf)
                if extent is not None:
                    found.append((extent, ref))
        return KnownMemory.of(found)

    def holders(self, targets: set[int]) -> Iterator[Ref]:
        """Known objects that hold one of the objects with these ids, directly or inside a tuple."""
        for ref, notes in self.notes.items():
            for facet, note in notes:
                if facet in FACETS and any(holds(c, targets) for c in FACETS[facet].children(note)):
                    yield ref
                    break

    def whole(self, ref: Ref) -> Change:
        """A change that repeats an object's whole shallow state, for a holder whose part was replaced."""
        obj = self.objects[ref]
        patches = []
        for facet, note in self.notes[ref]:
            if facet in FACETS:
                blank = _BLANK.get(facet)
                patch = FACETS[facet].change(obj, blank(note) if blank else note)
                if patch is not None:
                    patches.append((facet, patch))
        return Change(obj=obj, patches=patches)


_BLANK: dict[str, Any] = {
    "list": lambda _: [],
    "deque": lambda _: [],
    "dict": lambda _: {},
    "set": lambda _: set(),
    "attributes": lambda note: (note[0], {}),
    "slots": lambda _: {},
    "class": lambda _: {},
    "cell": lambda _: object(),
    "function": lambda note: (note[0], object(), object(), {}),
    "object array": lambda note: (note[0], []),
    "exception": lambda _: [],
}


def holds(value: Any, targets: set[int]) -> bool:
    """Whether ``value`` is one of the targets, or a tuple or frozenset that holds one."""
    if id(value) in targets:
        return True
    return isinstance(value, (tuple, frozenset)) and any(holds(part, targets) for part in value)


def _note_leaf(leaf: Any) -> Any:
    if type(leaf).__module__.partition(".")[0] == "torch":
        place = (leaf.data_ptr(), tuple(leaf.shape), leaf.stride(), leaf.dtype, leaf.device)
        return place, leaf.requires_grad, leaf.grad if leaf.is_leaf else None
    interface = leaf.__array_interface__
    return interface["data"][0], leaf.shape, leaf.strides, leaf.dtype


def _is_bit_generator(obj: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(obj, numpy.random.BitGenerator)
