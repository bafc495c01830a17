"""pandas and polars frames: column by column on the way out, changed in place on the way home."""

from __future__ import annotations

import datetime
import decimal
import sys
from collections.abc import Callable
from typing import Any

Fingerprint = Callable[[Any], "bytes | None"]

_PLAIN = (str, bytes, int, float, complex, bool, type(None), decimal.Decimal)
_TIMES = (datetime.date, datetime.datetime, datetime.timedelta)
_ATOMS = frozenset((*_PLAIN, *_TIMES))
_SPLIT_FROM = 1 << 20
_SPLIT_COLUMNS = 32


def reduce_frame(value: Any) -> Any:
    """A plain pandas frame taken apart into its columns, so that an unchanged column is not sent again.

    None for anything else, and where this pandas has no public way to build a frame from blocks.
    """
    pandas = sys.modules.get("pandas")
    if pandas is None or type(value) is not pandas.DataFrame:
        return None
    if not hasattr(getattr(pandas.api, "internals", None), "create_dataframe_from_blocks"):
        return None
    blocks: list[tuple[Any, Any]] = []
    for block in value._mgr.blocks:
        blocks.extend(_split(block.values, block.mgr_locs.as_array))
    state = (value.attrs, value.flags.allows_duplicate_labels)
    return make_frame, (blocks, value.index, value.columns, state)


def _split(values: Any, places: Any) -> list[tuple[Any, Any]]:
    numpy = sys.modules["numpy"]
    is_wide = len(places) > _SPLIT_COLUMNS or len(places) == 1
    if type(values) is not numpy.ndarray or is_wide or values.nbytes < _SPLIT_FROM:
        return [(values, places)]
    if not values.flags.c_contiguous:
        return [(values, places)]
    return [(values[i : i + 1], places[i : i + 1]) for i in range(len(places))]


def make_frame(
    blocks: list[tuple[Any, Any]], index: Any, columns: Any, state: tuple[dict[str, Any], bool]
) -> Any:
    """The frame that ``reduce_frame`` took apart."""
    from pandas.api.internals import create_dataframe_from_blocks

    frame = create_dataframe_from_blocks(blocks, index=index, columns=columns)
    attributes, allows_duplicate_labels = state
    if attributes:
        frame.attrs = attributes
    if not allows_duplicate_labels:
        frame.flags.allows_duplicate_labels = False
    return frame


def snapshot(frame: Any, fingerprint: Fingerprint) -> Any:
    """A cheap copy to compare with later: copy-on-write where the package has it, else a whole copy.

    Of cells that can change in place, such as lists, it has the ``fingerprint``.
    """
    if type(frame).__module__.startswith("polars"):
        return frame.clone()
    import pandas as pd

    deep = int(pd.__version__.partition(".")[0]) < 3
    copy = frame.copy(deep=deep)
    return copy, _labels(frame), _cells(frame, fingerprint)


def _labels(frame: Any) -> Any:
    names = [list(axis.names) for axis in frame.axes]
    return (
        names,
        dict(frame.attrs),
        frame.flags.allows_duplicate_labels,
        getattr(frame, "name", None),
    )


def _cells(frame: Any, fingerprint: Fingerprint) -> list[bytes | None]:
    """The fingerprints of the blocks, and of the attrs, that can change in place; None for one that cannot be told."""
    found = []
    for block in frame._mgr.blocks:
        values = block.values
        if _holds_objects(values) and not set(map(type, values.flat)) <= _ATOMS:
            found.append(fingerprint(values))
    if not set(map(type, frame.attrs.values())) <= _ATOMS:
        box = sys.modules["numpy"].empty(1, dtype=object)
        box[0] = frame.attrs
        found.append(fingerprint(box))
    return found


def _holds_objects(values: Any) -> bool:
    return isinstance(values, sys.modules["numpy"].ndarray) and values.dtype.hasobject


def is_changed(frame: Any, before: Any, fingerprint: Fingerprint) -> bool:
    """Whether ``frame`` differs from its snapshot in content, types, labels, names, attrs or flags.

    True also where that cannot be told, because a cell has no fingerprint.
    """
    if type(frame).__module__.startswith("polars"):
        return not _same_polars(frame, before)
    copy, labels, cells = before
    if _labels(frame) != labels or frame.shape != copy.shape:
        return True
    if any(
        old is not new and not old.identical(new)
        for old, new in zip(copy.axes, frame.axes, strict=True)
    ):
        return True
    if not _same_blocks(frame._mgr.blocks, copy._mgr.blocks):
        return True
    return None in cells or _cells(frame, fingerprint) != cells


def same_frame(now: Any, then: Any) -> bool:
    """Whether two frames with memory of their own hold the same: content, types, labels, names, attrs and flags."""
    if type(now).__module__.startswith("polars"):
        return _same_polars(now, then)
    if _labels(now) != _labels(then) or not now.equals(then):
        return False
    return all(a.identical(b) for a, b in zip(now.axes, then.axes, strict=True))


def _same_polars(frame: Any, before: Any) -> bool:
    if hasattr(frame, "schema"):
        return list(frame.schema.items()) == list(before.schema.items()) and frame.equals(before)
    same_type = frame.dtype == before.dtype and frame.name == before.name
    return bool(same_type and frame.equals(before))


def _same_blocks(now: Any, before: Any) -> bool:
    if len(now) != len(before):
        return False
    for new, old in zip(now, before, strict=True):
        if list(new.mgr_locs.as_array) != list(old.mgr_locs.as_array) or new.dtype != old.dtype:
            return False
        if not _same_values(new.values, old.values):
            return False
    return True


def _same_values(new: Any, old: Any) -> bool:
    import numpy as np

    if not isinstance(new, np.ndarray):
        same_arrow = getattr(new, "_pa_array", 0) is getattr(old, "_pa_array", 1)
        return same_arrow or bool(new.equals(old))
    place, former = new.__array_interface__, old.__array_interface__
    if place["data"] == former["data"] and place["strides"] == former["strides"]:
        return True
    if new.dtype.hasobject:
        return bool(new.tobytes() == old.tobytes())
    return bool(np.ascontiguousarray(new).tobytes() == np.ascontiguousarray(old).tobytes())


def change_in_place(frame: Any, new: Any) -> None:
    """Make ``frame`` hold what ``new`` holds; it stays the same object, as after ``inplace=True``."""
    if type(frame).__module__.startswith("polars"):
        inner = "_df" if hasattr(frame, "_df") else "_s"
        setattr(frame, inner, getattr(new, inner))
        return
    frame._update_inplace(new)
    frame.attrs = new.attrs
    frame.flags.allows_duplicate_labels = new.flags.allows_duplicate_labels
    if hasattr(new, "name") and new.ndim == 1:
        frame.name = new.name
