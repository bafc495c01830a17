"""One preparation, from its sources to its sinks. ``Preparation`` is the whole of it; the worker only binds and shows."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import BadInput, CloudMLError
from .arrow import arrow_of, is_frame
from .cache import Kept, PrepCache, cache_key
from .choose import candidates, opened, refuse_elsewhere
from .engines.port import Engine, Limits, Output, SqlCell
from .formats import BIGQUERY
from .lineage import result_record, source_record
from .meter import Meter, Report, ticking
from .profile import MAX_HEAD, Profile, profile_of_files, profile_of_frame
from .request import PYTHON, SQL, PrepRequest
from .sinks import Sink, Staging, refuse_overlaps, sink_of, still_there
from .sql import Judge, is_repeatable, parse, refuse_unknown_tables
from .tables import Table, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a preparation runs. ``scratch`` and ``cache`` are directories of its own, made when needed; ``values`` is the
    digest of what the notebook sent along."""

    job: str
    scratch: Path
    cache: Path
    memory_mib: int = 0
    values: str = ""
    report: Report | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One prepared table: ``head`` are its first rows, ``frame`` all of them where they come home (both Polars)."""

    name: str
    profile: Profile
    head: Any
    frame: Any = None
    sink: str = ""
    is_cached: bool = False


@dataclass(kw_only=True)
class Preparation:
    """``with Preparation(...) as p``: ``p.names`` are bound where the cell runs, ``p.finish`` computes.

    Afterwards nothing is left in ``scratch``; sinks have the new result or, after an exception, what they had.
    """

    request: PrepRequest
    code: str
    place: Place
    frames: Mapping[str, Any] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    _tables: list[Table] = field(default_factory=list)
    _sinks: dict[str, Sink] = field(default_factory=dict)
    _lazies: dict[str, Any] = field(default_factory=dict)
    _engine: Engine = field(init=False)
    _query: Any = None
    _key: str = ""
    _kept: list[Kept] | None = None
    _known_schemas: dict[str, Any] | None = None
    _judge: Judge | None = None

    def __enter__(self) -> Preparation:
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self._close()

    def _close(self) -> None:
        try:
            self._stack.close()
        finally:
            if self._judge is not None:
                self._judge.close()
        shutil.rmtree(self.place.scratch, ignore_errors=True)

    def _open(self) -> None:
        """Look at sources and sinks, choose the engine, look into the cache. Computes nothing."""
        request = self.request
        judge = self._judge = Judge() if request.language == SQL else None
        self.place.scratch.mkdir(parents=True, exist_ok=True)
        self._tables = [resolve(name, uri) for name, uri in request.sources.items()]
        self._sinks = {
            name: sink_of(uri, format=request.format, partition_by=request.partition_by)
            for name, uri in request.sinks.items()
        }
        refuse_overlaps(self._sinks)
        for sink in self._sinks.values():
            if sink.format != BIGQUERY:
                Staging(sink, self.place.job, self.place.scratch).check()
        if judge is not None:
            self._open_sql(judge)
        else:
            self._begin(self._candidates()[0])
        self._look_into_cache()

    def _candidates(self, tree: Any = None) -> tuple[str, ...]:
        return candidates(
            self.request, self.code, tables=self._tables, tree=tree, schemas=self._schemas
        )

    def _open_sql(self, judge: Judge) -> None:
        tree = parse(self.code)
        names = self._candidates(tree)
        schemas = {} if names == ("duckdb",) else self._schemas()  # DuckDB judges as it runs
        like = {name: schema.empty_table() for name, schema in schemas.items()}
        judge.refuse_syntax(self.code)
        if tree is not None:
            refuse_unknown_tables(tree, [*self.request.sources, *self.frames])
        types = judge.described(self.code, like) if like else {}
        cell = SqlCell(text=self.code, tree=tree, types=types)
        for name in names:
            try:
                self._begin(name)
                with self._engine.errors(self.code):
                    self._query = self._engine.sql(cell, self._lazies)
                return
            except CloudMLError:
                if name == names[-1]:
                    raise
                self._stack.close()

    def _schemas(self) -> dict[str, Any]:
        """The Arrow schemas of all tables, read once; none where one is BigQuery's, which are not looked at from here."""
        if self._known_schemas is None:
            is_far = any(table.format == BIGQUERY for table in self._tables)
            self._known_schemas = {} if is_far else self._read_schemas()
        return self._known_schemas

    def _read_schemas(self) -> dict[str, Any]:
        import polars as pl

        from .engines.polars import PolarsEngine, scan

        looking = PolarsEngine(self._limits())
        found = {name: arrow_of(value).schema for name, value in self.frames.items()}
        for table in self._tables:
            looking.scan(table)
            with looking.errors(self.code):
                empty = pl.DataFrame(schema=scan(table).collect_schema())
            found[table.name] = empty.to_arrow().schema
        return found

    def _limits(self) -> Limits:
        return Limits(memory_mib=self.place.memory_mib, scratch=self.place.scratch)

    def _begin(self, engine: str) -> None:
        refuse_elsewhere(engine, self._tables, self._sinks.values())
        self._engine = opened(engine, self._limits(), self._judge)
        self._stack.callback(self._engine.close)
        with self._engine.errors(self.code):
            self._lazies = {table.name: self._engine.scan(table) for table in self._tables}
            for name, value in self.frames.items():
                if name not in self._lazies:
                    self._lazies[name] = self._engine.frame(name, value)

    def _look_into_cache(self) -> None:
        if self.request.is_preview or any(table.format == BIGQUERY for table in self._tables):
            return
        if self.request.language == SQL and not is_repeatable(self.code):
            return
        version = f"{self._engine.name} {self._engine.version}"
        self._key = cache_key(
            self.request, self.code, self._tables, engine=version, values=self.place.values
        )
        found = PrepCache(self.place.cache).find(self._key) if self.request.is_cached else None
        if found and all(
            kept.name not in self._sinks or still_there(self._sinks[kept.name], kept.files)
            for kept in found
        ):
            self._kept = found

    @property
    def is_cached(self) -> bool:
        """Whether the results are there already: the cell need not run."""
        return self._kept is not None

    @property
    def names(self) -> dict[str, Any]:
        """The sources as narwhals frames, for a Python cell."""
        return {name: self._engine.speak(lazy) for name, lazy in self._lazies.items()}

    def finish(self, made: Mapping[str, Any] | None = None) -> list[Result]:
        """Compute the results and publish the sinks. ``made`` are the frames of a Python cell, by the results' names.

        Raises:
            BadInput: what the cell made is no frame, or the engine refuses it; one sentence.
        """
        if self._kept is not None:
            return [self._from_cache(kept) for kept in self._kept]
        with self._engine.errors(self.code):
            if self.request.language == PYTHON:
                lazies = {name: self._lazy(name, value) for name, value in (made or {}).items()}
            else:
                lazies = dict.fromkeys(self.request.results, self._query)
            kept = self._compute(lazies)
        if self._key and self.request.is_cached:
            PrepCache(self.place.cache).keep(self._key, kept)
        return [self._result(item) for item in kept]

    def _lazy(self, name: str, value: Any) -> Any:
        """What a cell made as a lazy frame of the engine; frames that it computed itself are taken too."""
        import narwhals as nw

        if isinstance(value, nw.DataFrame):
            value = value.to_native()
        elif isinstance(value, nw.LazyFrame):
            return self._engine.native(value)
        if is_frame(value):
            return self._engine.frame(name, value)
        try:
            return nw.from_native(value).lazy().to_native()
        except TypeError as exc:
            raise BadInput(
                f"the cell's result is {type(value).__name__}, no frame",
                hint="let its last expression be a frame, or bind one to the name of -o",
            ) from exc

    def _compute(self, lazies: Mapping[str, Any]) -> list[Kept]:
        rows = self.request.rows
        kept: dict[str, Kept] = {}
        for name, lazy in lazies.items():
            if self.request.is_preview:
                head = self._engine.collect(lazy, rows)
                kept[name] = Kept(name=name, profile=profile_of_frame(head), head=head)
            elif name in self.request.outputs:
                frame = self._collected(name, lazy)
                kept[name] = Kept(
                    name=name,
                    profile=profile_of_frame(frame),
                    head=frame.head(MAX_HEAD),
                    frame=frame,
                )
        files = {n: lazies[n] for n, sink in self._sinks.items() if sink.format != BIGQUERY}
        for item in self._write(files, kept):
            kept[item.name] = item
        for name in self._sinks.keys() - files.keys():
            kept[name] = self._store(name, lazies[name], kept.get(name))
        return [kept[name] for name in lazies]

    def _collected(self, name: str, lazy: Any) -> Any:
        done = [(0, 0)]
        with ticking(self.place.report, lambda: done[0], name):
            frame = self._engine.collect(lazy)
            done[0] = frame.height, frame.estimated_size()
        return frame

    def _write(self, lazies: Mapping[str, Any], have: Mapping[str, Kept]) -> Iterator[Kept]:
        """Write every sink, then publish them one after the other: none, unless all are written."""
        if not lazies:
            return
        with ExitStack() as stack:
            outputs: dict[str, Output] = {}
            stagings: dict[str, Staging] = {}
            for name, lazy in lazies.items():
                staging = Staging(self._sinks[name], self.place.job, self.place.scratch)
                stagings[name] = stack.enter_context(staging.open())
                known = have[name].frame if name in have else None
                lazy = lazy if known is None else self._engine.frame(name, known)
                outputs[name] = Output(
                    lazy=lazy, path=staging.path, sink=self._sinks[name], meter=Meter(name)
                )

            def measure() -> tuple[int, int]:
                rows = sum(output.meter.rows for output in outputs.values())
                return rows, sum(_size(staging) for staging in stagings.values())

            with ticking(self.place.report, measure, ", ".join(lazies)):
                self._engine.write(list(outputs.values()))
            for name, output in outputs.items():
                profile, head = profile_of_files(output.meter, output.path, output.sink)
                written = stagings[name].publish()
                frame = have[name].frame if name in have else None
                yield Kept(name=name, profile=profile, head=head, frame=frame, files=written.files)

    def _store(self, name: str, lazy: Any, have: Kept | None) -> Kept:
        """Write a table of BigQuery, there."""
        engine: Any = self._engine  # the only one that gets here: see choose.refuse_elsewhere
        stored = engine.store(lazy, self._sinks[name].uri)
        rows, nulls = engine.count(stored)
        head = engine.collect(stored, MAX_HEAD)
        profile = profile_of_frame(head, rows=rows, nulls=nulls)
        return Kept(name=name, profile=profile, head=head, frame=have.frame if have else None)

    def _from_cache(self, kept: Kept) -> Result:
        return self._result(kept, is_cached=True)

    def _result(self, kept: Kept, *, is_cached: bool = False) -> Result:
        return Result(
            name=kept.name,
            profile=kept.profile,
            head=kept.head.head(self.request.rows),
            frame=kept.frame,
            sink=self.request.sinks.get(kept.name, ""),
            is_cached=is_cached,
        )

    @property
    def engine(self) -> str:
        """``polars 2.1.0``."""
        return f"{self._engine.name} {self._engine.version}"

    def datasets(self, results: list[Result]) -> list[dict[str, Any]]:
        """What MLflow is told: the sources, then each result with where it came from."""
        made = [
            result_record(
                result.name,
                result.profile,
                sink=result.sink,
                tables=self._tables,
                frames=list(self.frames),
                engine=self.engine,
                job=self.place.job,
                is_cached=result.is_cached,
            )
            for result in results
        ]
        return [*map(source_record, self._tables), *made]


def _size(staging: Staging) -> int:
    with contextlib.suppress(OSError):
        return staging.size()
    return 0
