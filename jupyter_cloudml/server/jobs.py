"""The routes of jobs. Each is: who may, what was asked, one call of the client."""

from __future__ import annotations

import time

from .base import JOBS, Handler, may


class Jobs(Handler):
    """The list."""

    @may("read", JOBS)
    async def get(self) -> None:
        from ..client.cost import cost_today
        from ..client.lookup import states_of
        from ..client.pages import MAX_ROWS, job_page
        from ..client.session import configuration
        from ..journal.job_filter import JobFilter

        shared = self.shared
        which = JobFilter(
            states=states_of(self.words("state")) or None,
            notebook=self.whole_path(self.word("notebook")),
            **{name: self.word(name) for name in ("experiment", "target", "text")},
        )
        limit = self.number("limit", 200, least=1, most=MAX_ROWS)
        offset = self.number("offset", 0)

        def call() -> object:
            seq = shared.watch.look_from_now()
            page = job_page(shared.session, which, limit=limit, offset=offset, root=shared.root)
            cost = cost_today(shared.session, configuration(shared.root), now=time.time())
            return {**page, "seq": seq, "cost_today": cost}

        await self.answer(call)

    def whole_path(self, notebook: str) -> str:
        """A notebook as jobs record it, which is the path of the file; front ends name it below the server's root."""
        root = self.shared.root
        if not notebook or notebook.startswith("/") or root is None:
            return notebook
        return str(root / notebook)


class OneJob(Handler):
    """Its snapshot; whoever shows one job and no list hears of its changes from then on too."""

    @may("read", JOBS)
    async def get(self, job_id: str) -> None:
        from ..client.pages import job_now

        shared = self.shared

        def call() -> object:
            shared.watch.look_from_now()
            return {"job": job_now(shared.session, shared.views, job_id)}

        await self.answer(call)


class Outputs(Handler):
    """What the cell shows, from an offset on."""

    @may("read", JOBS)
    async def get(self, job_id: str) -> None:
        from ..client.pages import outputs_page

        shared, offset = self.shared, self.number("offset", 0)
        await self.answer(lambda: outputs_page(shared.session, shared.views, job_id, offset))


class Metrics(Handler):
    """Whole curves."""

    @may("read", JOBS)
    async def get(self, job_id: str) -> None:
        from ..client.history import metric_series
        from ..client.pages import folder_of

        session = self.shared.session
        await self.answer(lambda: {"metrics": metric_series(folder_of(session, job_id))})


class Samples(Handler):
    """What it used."""

    @may("read", JOBS)
    async def get(self, job_id: str) -> None:
        from ..client.history import resource_samples
        from ..client.pages import folder_of

        session = self.shared.session
        await self.answer(lambda: {"resources": resource_samples(folder_of(session, job_id))})


class Details(Handler):
    """What was asked for and what travelled."""

    @may("read", JOBS)
    async def get(self, job_id: str) -> None:
        from ..client.details import details

        shared = self.shared
        await self.answer(lambda: details(shared.session, job_id, root=shared.root))


class Cancel(Handler):
    """Ask it to stop."""

    @may("execute", JOBS)
    async def post(self, job_id: str) -> None:
        from ..client.pages import cancelled

        shared = self.shared
        await self.answer(lambda: {"job": cancelled(shared.session, job_id, root=shared.root)})


class Retry(Handler):
    """Start it once more."""

    @may("execute", JOBS)
    async def post(self, job_id: str) -> None:
        from ..client.pages import retried

        shared = self.shared
        await self.answer(lambda: {"job": retried(shared.session, job_id, root=shared.root)})


class RunNotebook(Handler):
    """Start a whole notebook."""

    @may("execute", JOBS)
    async def post(self) -> None:
        from ..client.notebooks import run_notebook

        shared, body = self.shared, self.body()
        await self.answer(lambda: {"job": run_notebook(shared.root, body)})
