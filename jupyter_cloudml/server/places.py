"""The routes of what is around jobs: targets, configuration, the description of these routes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import ModuleType

from .base import CONFIG, TARGETS, TOOLS, Handler, may

DESCRIPTION = Path(__file__).parent / "openapi.yaml"


class Targets(Handler):
    """Where jobs can run, and how it is there."""

    @may("read", TARGETS)
    async def get(self) -> None:
        from ..client.places import places

        shared = self.shared
        await self.answer(lambda: {"targets": places(shared.session, os.environ, shared.root)})


class Configuration(Handler):
    """What a job of this user is like unless it says otherwise."""

    @may("read", CONFIG)
    async def get(self) -> None:
        from ..client.places import settings

        shared = self.shared
        await self.answer(lambda: settings(shared.session, os.environ, shared.root))


class OpenAPI(Handler):
    """The description of all routes."""

    @may("read", CONFIG)
    async def get(self) -> None:
        text = await asyncio.to_thread(DESCRIPTION.read_text, "utf-8")
        self.finish(text, set_content_type="application/yaml")


class OpenTool(Handler):
    """MLflow's pages or TensorBoard, started where they do not run."""

    @may("execute", TOOLS)
    async def post(self, name: str) -> None:
        body = self.body()
        pages = await asyncio.to_thread(_pages)
        pages.make_way(self.application)
        await self.answer(lambda: pages.opened(name, self.shared, self.base_url, body))


def _pages() -> ModuleType:
    """The module that forwards; jupyter-server-proxy comes with it, when it is wanted."""
    from . import pages

    return pages
