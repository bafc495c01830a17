"""What Jupyter Server loads: the routes, the schema of the events, and what must end with the server."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp

from .bus import Bus

if TYPE_CHECKING:
    from ..client.live import LiveViews
    from ..client.session import Session
    from .tools import Tools
    from .watch import Watch


class CloudMLExtension(ExtensionApp):
    """``jupyter_cloudml`` in a Jupyter server."""

    name = "jupyter_cloudml"
    load_other_extensions = True

    def initialize_settings(self) -> None:
        """Give the handlers what they share; opens nothing yet."""
        self.settings["cloudml"] = self.shared = Shared(self.serverapp)

    def initialize_handlers(self) -> None:
        """Add the routes."""
        from .routes import ROUTES

        self.handlers.extend(ROUTES)

    async def stop_extension(self) -> None:
        """End what lives no longer than the server: the watch, and the pages of tools."""
        await asyncio.to_thread(self.shared.close)


class Shared:
    """What the handlers of one server share. Every part is made when it is first used, in any thread."""

    def __init__(self, serverapp: Any) -> None:
        self._server = serverapp
        self._bus = Bus(serverapp)
        self._lock = threading.RLock()
        self._views: LiveViews | None = None
        self._watch: Watch | None = None
        self._tools: Tools | None = None

    @property
    def session(self) -> Session:
        """The user's data directory, as this server's environment names it."""
        from ..client.session import current_session

        return current_session()

    @property
    def root(self) -> Path | None:
        """The folder that the server shows its user; None when its files are elsewhere (another contents manager)."""
        root = getattr(self._server.contents_manager, "root_dir", "") or self._server.root_dir
        return Path(root).absolute() if root and Path(root).is_dir() else None

    @property
    def views(self) -> LiveViews:
        """What is known of the jobs that somebody looks at."""
        from ..client.live import LiveViews

        with self._lock:
            if self._views is None:
                self._views = LiveViews()
            return self._views

    @property
    def watch(self) -> Watch:
        """Tells the event bus what changes."""
        from .watch import Watch

        with self._lock:
            if self._watch is None:
                self._watch = Watch(
                    lambda: self.session,
                    self.views,
                    emit=self._bus.emit,
                    is_watched=self._bus.is_watched,
                )
            return self._watch

    @property
    def tools(self) -> Tools:
        """The pages of MLflow and TensorBoard. The way to them exists once they were asked for."""
        from .tools import Tools

        with self._lock:
            if self._tools is None:
                self._tools = Tools()
            return self._tools

    def close(self) -> None:
        """End threads and processes. Safe to repeat."""
        with self._lock:
            parts = [part for part in (self._watch, self._tools) if part is not None]
        for part in parts:
            part.close()
        feeds = sys.modules.get("jupyter_cloudml.tracking.run_feed")
        if feeds is not None:
            feeds.close_feeds()
