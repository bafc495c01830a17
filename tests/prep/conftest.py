"""Preparations without a job around them, and data for them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from jupyter_cloudml.prep.language import language_of
from jupyter_cloudml.prep.request import PrepRequest
from jupyter_cloudml.prep.run import Place, Preparation, Result

Prep = Callable[..., dict[str, Result]]


def prepared(
    folder: Path, code: str, *, frames: dict[str, Any] | None = None, **words: Any
) -> dict[str, Result]:
    """Run a cell as the worker does, in this process; its results by name."""
    values = words.pop("values", "")
    memory_mib = words.pop("memory_mib", 0)
    report = words.pop("report", None)
    request = PrepRequest(
        language=language_of(code), frames=tuple(frames or ()), **{"is_cached": False, **words}
    )
    place = Place(
        job="0123456789ab",
        scratch=folder / "scratch",
        cache=folder / "cache",
        values=values,
        memory_mib=memory_mib,
        report=report,
    )
    with Preparation(request=request, code=code, place=place, frames=frames or {}) as prep:
        made = None
        if request.language == "python" and not prep.is_cached:
            space: dict[str, Any] = {"nw": nw, **prep.names}
            exec(code, space)
            made = {name: space[name] for name in request.results}
        return {result.name: result for result in prep.finish(made)}


@pytest.fixture
def prep(tmp_path: Path) -> Prep:
    def run(code: str, **words: Any) -> dict[str, Result]:
        return prepared(tmp_path, code, **words)

    return run


@pytest.fixture
def trips(tmp_path: Path) -> Path:
    """1,000 rows in three Parquet files: missing values, NaN-free floats, text, times, booleans."""
    folder = tmp_path / "trips"
    folder.mkdir()
    for number, part in enumerate(trip_frame().iter_slices(400)):
        part.write_parquet(folder / f"{number}.parquet")
    return folder


def trip_frame(rows: int = 1000) -> pl.DataFrame:
    ids = range(rows)
    return pl.DataFrame(
        {
            "id": ids,
            "city": [["Bern", "Genf", None, "Zug", "Ägeri"][i % 5] for i in ids],
            "fare": [None if i % 17 == 0 else (i * 37 % 101) / 4 for i in ids],
            "riders": [i * 7 % 5 for i in ids],
            "night": [i % 3 == 0 for i in ids],
        }
    ).with_columns(stamp=pl.datetime(2026, 1, 1) + pl.duration(minutes=pl.col("id") * 97))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextlib.contextmanager
def raises_sentence(kind: type[Exception], *words: str):
    """The block raises ``kind`` with a message of one line that has every one of ``words``."""
    with pytest.raises(kind) as caught:
        yield
    said = str(caught.value)
    assert len(said.splitlines()) == 1, said
    for word in words:
        assert word in said
