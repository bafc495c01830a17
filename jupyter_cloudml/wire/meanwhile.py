"""A result that comes home late: what the notebook has made of its own objects and names since they travelled.

Nothing is noted for a cell that the notebook waits for. Of a job that went off on its own a `Departure` is noted, which
costs microseconds; what captured objects held then is in the bundle, and is read again only when the result comes.
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .baseline import Ref, leaf_ref, memo_ref, resolve
from .delta import reachable
from .facets import FACETS
from .frames import same_frame
from .identity import Identity
from .kinds import OPAQUE, can_be_referred, facets_of
from .model import Decoded, Encoded

_MISSING = object()
_ATOMS = (int, float, complex, str, bytes, bool, range, type(None), type(Ellipsis), types.CodeType)
_PLACES = frozenset({"layout"})


@dataclass(frozen=True, kw_only=True)
class Departure:
    """What a namespace held when a job went off on its own.

    ``names`` are those that the job read or may bind, ``others`` tells the rest by identity only, so that nothing is kept
    alive for it. ``classes`` are the members of captured classes: the bundle's copy of a class is the class itself.
    """

    names: dict[str, Any]
    others: dict[str, int]
    classes: dict[Ref, Any]

    @classmethod
    def note(
        cls, home: Encoded, namespace: Mapping[str, Any], binds: Collection[str] = ()
    ) -> Departure:
        """Note it now; ``binds`` are the names that the cell is known to bind."""
        known = {*home.manifest["names"], *binds}
        members = FACETS["class"].note
        return cls(
            names={name: namespace[name] for name in known if name in namespace},
            others={name: id(value) for name, value in namespace.items() if name not in known},
            classes={
                ref: members(obj)
                for ref, obj in ((memo_ref(n), obj) for n, obj in home.objects.memo.items())
                if isinstance(obj, type) and "class" in facets_of(obj, {})
            },
        )


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What stays as the notebook has it: names, and the objects to which the job's changes are not made."""

    names: frozenset[str]
    refs: frozenset[Ref]


class Keeper(Protocol):
    """Says what a delta may not touch, once it was read."""

    def kept(
        self, patches: Mapping[Ref, Any], names: Mapping[str, Any], deleted: Collection[str]
    ) -> Kept: ...


@dataclass(frozen=True, kw_only=True)
class OwnClasses:
    """Keeps the notebook's own classes as they are, where a result is rebuilt beside it: they are no copies."""

    bundle: Identity
    before: frozenset[int]

    @classmethod
    def known(cls) -> frozenset[int]:
        """The classes that a bundle decoded in this process would share with it."""
        from cloudpickle import cloudpickle

        return frozenset(map(id, cloudpickle._DYNAMIC_CLASS_TRACKER_BY_CLASS.keys()))

    def kept(
        self, patches: Mapping[Ref, Any], names: Mapping[str, Any], deleted: Collection[str]
    ) -> Kept:
        del names, deleted
        refs = (ref for ref in patches if id(resolve(self.bundle, ref)) in self.before)
        return Kept(names=frozenset(), refs=frozenset(refs))


@dataclass(kw_only=True)
class Meanwhile:
    """Compares the notebook's objects with ``then``, the same bundle decoded again into a namespace of its own."""

    home: Encoded
    then: Decoded
    then_namespace: dict[str, Any]
    namespace: dict[str, Any]
    departure: Departure
    _mine: dict[int, Ref] = field(init=False)
    _theirs: dict[int, Ref] = field(init=False)
    _known: dict[Ref, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._mine, self._theirs = _numbers(self.home.objects), _numbers(self.then.objects)

    def kept(
        self, patches: Mapping[Ref, Any], names: Mapping[str, Any], deleted: Collection[str]
    ) -> Kept:
        """What the job changed, bound or deleted, and the notebook has changed as well.

        A captured value is one thing (a model, with all its parameters), and so are values that share a part which the
        job changed (its optimizer): all of the job's changes are made to it, or none.
        """
        left = {name for name, value in names.items() if self._is_taken(name, value)}
        left |= {name for name in deleted if self._is_taken(name, _MISSING)}
        if not patches:
            return Kept(names=frozenset(left), refs=frozenset())
        reach = self._captured()
        held: set[Ref] = set()
        for name, refs in reach.items():
            patched = refs & patches.keys()
            if not patched:
                continue
            if self._is_rebound(name):
                left.add(name)
            if any(map(self.is_changed, refs)):
                held |= patched
        if held:
            left |= self._spread(held, patches, names, reach)
        return Kept(names=frozenset(left), refs=frozenset(held))

    def _captured(self) -> dict[str, set[Ref]]:
        """What each captured name reaches, or reached when it travelled."""
        found = {}
        for name, value in self.departure.names.items():
            if name not in self.home.manifest["names"]:
                continue
            refs = self._refs(value)
            if name in self.then.names:
                then = reachable([self.then.names[name]], self.then_namespace)
                refs |= {self._theirs[i] for i in then if i in self._theirs}
            found[name] = refs
        return found

    def _is_rebound(self, name: str) -> bool:
        """Whether the name stands for something else now, so that the job's changes do not show under it."""
        now = self.namespace.get(name, _MISSING)
        return now is not _MISSING and now is not self.departure.names[name]

    def _spread(
        self,
        held: set[Ref],
        patches: Mapping[Ref, Any],
        names: Mapping[str, Any],
        reach: Mapping[str, set[Ref]],
    ) -> set[str]:
        """Add to ``held`` all that belongs to it; the names from which it is reached."""
        sent = {ref: self._refs(patch) for ref, patch in patches.items()}
        left: set[str] = set()
        before = -1
        while len(held) != before:
            before = len(held)
            for name, refs in reach.items():
                if not held.isdisjoint(refs):
                    left.add(name)
                    held |= refs & patches.keys()
            held |= {ref for ref in patches if not held.isdisjoint(sent[ref])}
        return left | {n for n, value in names.items() if not held.isdisjoint(self._refs(value))}

    def _refs(self, value: Any) -> set[Ref]:
        """The captured objects that ``value`` reaches now."""
        return {self._mine[i] for i in reachable([value], self.namespace) if i in self._mine}

    def _is_taken(self, name: str, new: Any) -> bool:
        """Whether the notebook has bound ``name`` meanwhile, or changed the object that it names."""
        now = self.namespace.get(name, _MISSING)
        if now is _MISSING or now is new or _same_atom(now, new):
            return False
        if name in self.departure.others:
            return id(now) != self.departure.others[name]
        then = self.departure.names.get(name, _MISSING)
        if now is not then:
            return not _same_atom(now, then)
        if isinstance(now, _ATOMS):
            return False
        return any(map(self.is_changed, self._refs(now)))

    def is_changed(self, ref: Ref) -> bool:
        """Whether the object differs from what travelled. True also where that cannot be told."""
        if ref not in self._known:
            try:
                self._known[ref] = self._differs(ref)
            except Exception:  # noqa: BLE001  a user's class may raise anything when it is looked at
                self._known[ref] = True
        return self._known[ref]

    def _differs(self, ref: Ref) -> bool:
        now, then = resolve(self.home.objects, ref), resolve(self.then.objects, ref)
        if not ref & 1:
            return self._leaf_differs(self.home.manifest["leaves"][ref >> 1]["k"], now, then)
        if ref in self.departure.classes:
            members = FACETS["class"].note(now), self.departure.classes[ref]
            return bool(self._shape(members[0], self._mine) != self._shape(members[1], self._mine))
        if now is then:
            return False
        facets = facets_of(now, self.namespace)
        if type(now).__name__ != type(then).__name__:
            return True
        return any(self._facet_differs(facet, now, then) for facet in facets)

    def _facet_differs(self, facet: str, now: Any, then: Any) -> bool:
        if facet == OPAQUE:
            from .graph import fingerprint

            mine = fingerprint(now, self._mine, self.namespace)
            return mine is None or mine != fingerprint(then, self._theirs, self.then_namespace)
        if facet in _PLACES:
            return False
        note = FACETS[facet].note
        notes: tuple[Any, Any] = note(now), note(then)
        if facet == "weak set":
            notes = set(notes[0]), set(notes[1])
        return bool(self._shape(notes[0], self._mine) != self._shape(notes[1], self._theirs))

    def _leaf_differs(self, kind: str, now: Any, then: Any) -> bool:
        if kind == "part":
            return not same_frame(now, then)
        if kind == "nd":
            return not _same_array(now, then)
        if not _same_tensor(now, then) or now.requires_grad != then.requires_grad:
            return True
        if not (now.is_leaf and then.is_leaf):
            return False
        grads = self._shape(now.grad, self._mine), self._shape(then.grad, self._theirs)
        return bool(grads[0] != grads[1])

    def _shape(self, value: Any, numbers: Mapping[int, Ref]) -> Any:
        """``value`` as something that compares equal at the two ends: known objects by number, the rest by value."""
        if isinstance(value, float) and math.isnan(value):
            return float, "nan"
        if type(value) in _ATOMS:
            return type(value), value
        if type(value) is tuple or (type(value) is list and id(value) not in numbers):
            return list, [self._shape(part, numbers) for part in value]
        if type(value) is dict and id(value) not in numbers:
            pairs = value.items()
            return dict, [(self._shape(k, numbers), self._shape(v, numbers)) for k, v in pairs]
        if isinstance(value, (set, frozenset)) and id(value) not in numbers:
            return set, sorted(repr(self._shape(part, numbers)) for part in value)
        if id(value) in numbers:
            return "known", numbers[id(value)]
        return "object", id(value)


def same_content(one: Any, other: Any, namespace: dict[str, Any]) -> bool:
    """Whether two values without a common history hold the same; False where that cannot be told."""
    from .graph import content_print

    mine = content_print(one, namespace)
    return mine is not None and mine == content_print(other, namespace)


def _objects(identity: Identity) -> list[tuple[Ref, Any]]:
    leaves = [(leaf_ref(n), leaf) for n, leaf in enumerate(identity.leaves) if leaf is not None]
    return [*leaves, *((memo_ref(n), obj) for n, obj in identity.memo.items())]


def _numbers(identity: Identity) -> dict[int, Ref]:
    found: dict[int, Ref] = {}
    for ref, obj in _objects(identity):
        if not ref & 1 or can_be_referred(obj):
            found.setdefault(id(obj), ref)
    return found


def _same_atom(one: Any, other: Any) -> bool:
    return type(one) is type(other) and isinstance(one, _ATOMS) and bool(one == other)


def _same_array(now: Any, then: Any) -> bool:
    numpy = sys.modules["numpy"]
    if now.shape != then.shape or now.dtype != then.dtype:
        return False
    if not now.nbytes:
        return True
    flat = [numpy.ascontiguousarray(a).reshape(-1).view(numpy.uint8) for a in (now, then)]
    return bool(numpy.array_equal(*flat))


def _same_tensor(now: Any, then: Any) -> bool:
    torch = sys.modules["torch"]
    if now.shape != then.shape or now.dtype != then.dtype:
        return False
    if not now.numel():
        return True
    flat = [t.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for t in (now, then)]
    return bool(torch.equal(*flat))
