"""Our events on Jupyter's event bus, for those who may see jobs.

The bus gives every event to everybody who may listen to it (Jupyter's resource ``events``), whatever it is about. So before
ours are told, whoever may not ``read`` jobs is taken off the list of those who get them; they go on hearing the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakSet

from jupyter_server.auth import AllowAllAuthorizer
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async

from .base import JOBS

EVENTS = "https://schema.jupyter.org/cloudml/jobs/v1"
SCHEMA = Path(__file__).parent / "events" / "jobs.v1.yaml"

log = logging.getLogger(__name__)


class Bus:
    """Tells in the order in which it is told; asks the server's authorizer once for each socket."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._logger = server.event_logger
        self._logger.register_event_schema(SCHEMA)
        self._readers: WeakSet[JupyterHandler] = WeakSet()
        self._turn = asyncio.Lock()

    def emit(self, data: dict[str, Any]) -> None:
        """Put an event on the bus soon. From any thread; the bus belongs to the loop's."""
        self._server.io_loop.add_callback(self._tell, data)

    def is_watched(self) -> bool:
        """Whether anybody listens. `jupyter_events` has no word for it; without its lists we say yes."""
        kinds = [
            getattr(self._logger, f"_{kind}_listeners", None) for kind in ("modified", "unmodified")
        ]
        return None in kinds or any(listeners.get(EVENTS) for listeners in kinds if listeners)

    async def _tell(self, data: dict[str, Any]) -> None:
        async with self._turn:
            if await self._is_for_readers_only():
                self._logger.emit(schema_id=EVENTS, data=data)

    async def _is_for_readers_only(self) -> bool:
        """Send away who may not hear; False where it cannot be found out who listens. Nobody comes after the last look."""
        listeners = getattr(self._logger, "_modified_listeners", None)
        if listeners is None:
            return isinstance(self._server.web_app.settings["authorizer"], AllowAllAuthorizer)
        while strangers := self._strangers(listeners.get(EVENTS, ())):
            for listener, handler in strangers.items():
                if await self._may_read(handler):
                    self._readers.add(handler)
                else:
                    self._logger.remove_listener(schema_id=EVENTS, listener=listener)
        return True

    def _strangers(self, listeners: Any) -> dict[Callable[..., Any], JupyterHandler]:
        """The sockets of browsers that are new."""
        owners = {listener: getattr(listener, "__self__", None) for listener in listeners}
        return {
            listener: owner
            for listener, owner in owners.items()
            if isinstance(owner, JupyterHandler) and owner not in self._readers
        }

    async def _may_read(self, handler: JupyterHandler) -> bool:
        may = handler.authorizer.is_authorized(handler, handler.current_user, "read", JOBS)
        return bool(await ensure_async(may))
