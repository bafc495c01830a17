"""The routes of what is around jobs: targets, configuration, the description of these routes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from .base import CONFIG, TARGETS, Handler, may

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
