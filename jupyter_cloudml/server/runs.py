"""The routes of runs and experiments."""

from __future__ import annotations

import os

from .base import RUNS, Handler, may


class Runs(Handler):
    """The table."""

    @may("read", RUNS)
    async def get(self) -> None:
        from ..client.runs import RunQuery, run_page, where_runs_are

        shared = self.shared
        query = RunQuery(
            experiment=self.word("experiment"),
            text=self.word("text"),
            run_ids=self.words("run_id"),
            sort=self.word("sort") or "start_time",
            descending=self.one_of("order", ("desc", "asc")) == "desc",
            limit=self.number("limit", 100, least=1, most=1000),
            offset=self.number("offset", 0),
        )

        def call() -> object:
            uri = where_runs_are(shared.session, os.environ, shared.root)
            return run_page(shared.session, uri, query)

        await self.answer(call)


class Curves(Handler):
    """One metric of several runs."""

    @may("read", RUNS)
    async def get(self) -> None:
        from ..client.runs import curves, where_runs_are

        shared, runs, metric = self.shared, self.words("run_id"), self.word("metric")

        def call() -> object:
            uri = where_runs_are(shared.session, os.environ, shared.root)
            return {"curves": curves(shared.session, uri, runs, metric)}

        await self.answer(call)


class Experiments(Handler):
    """The list."""

    @may("read", RUNS)
    async def get(self) -> None:
        from ..client.runs import experiments, where_runs_are

        shared = self.shared

        def call() -> object:
            uri = where_runs_are(shared.session, os.environ, shared.root)
            return {"experiments": experiments(shared.session, uri)}

        await self.answer(call)
