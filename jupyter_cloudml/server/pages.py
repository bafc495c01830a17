"""Opening tools, and the way to them: jupyter-server-proxy's forwarding behind this server's login and authorizer."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from jupyter_server.utils import ensure_async, url_path_join
from jupyter_server_proxy.handlers import ProxyHandler
from tornado.web import HTTPError

from ..client.notebooks import inside
from ..client.runs import where_runs_are
from ..core.errors import Unavailable
from ..tracking.config import without_userinfo
from .base import TOOLS
from .tools import Tool

START_S = 60.0
PAGE = r"/cloudml/tools/([a-z]+-[0-9a-f]+)/(.*)"


def address(base_url: str, tool: Tool) -> str:
    """Where a browser finds the tool."""
    return str(url_path_join(base_url, "cloudml", "tools", tool.name, "/"))


class Page(ProxyHandler):  # type: ignore[misc]
    """Everything below a tool's address goes to the tool."""

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Only for whom the authorizer lets ``execute`` tools; a request from another site changes nothing."""
        await super().prepare(*args, **kwargs)
        may = self.authorizer.is_authorized(self, self.current_user, "execute", TOOLS)
        if not await ensure_async(may):
            raise HTTPError(403)
        if self.request.method not in ("GET", "HEAD") and not self._is_of_this_site():
            raise HTTPError(403)

    def get_login_url(self) -> str:
        raise HTTPError(403)

    def proxy_request_headers(self) -> Any:
        """Without what is meant for Jupyter: its token and cookies, and the names that the browser has for us."""
        headers = self.request.headers.copy()
        for name in ("Host", "Origin", "Referer", "Cookie", "Authorization"):
            headers.pop(name, None)
        return headers

    async def http_get(self, name: str, path: str = "") -> None:
        await self._forward(name, path)

    async def head(self, name: str, path: str = "") -> None:
        await self._forward(name, path)

    async def post(self, name: str, path: str = "") -> None:
        await self._forward(name, path)

    async def put(self, name: str, path: str = "") -> None:
        await self._forward(name, path)

    async def patch(self, name: str, path: str = "") -> None:
        await self._forward(name, path)

    async def delete(self, name: str, path: str = "") -> None:
        await self._forward(name, path)

    async def open(self, name: str, path: str = "") -> None:
        """A web socket: no tool of ours has one."""
        del name, path
        self.close()

    async def _forward(self, name: str, path: str) -> None:
        try:
            tool = await self._ready(name)
        except Unavailable as exc:
            raise HTTPError(503, str(exc), reason="Not open") from exc
        self.proxy_base = f"cloudml/tools/{name}"
        self.unix_socket = tool.door or None
        await self.proxy("localhost", tool.port, f"{tool.prefix}/{path}")

    async def _ready(self, name: str) -> Tool:
        """The tool, once it answers."""
        tools, deadline = self.settings["cloudml"].tools, time.monotonic() + START_S
        while True:
            tool: Tool = tools.used(name)
            if tool.has_answered or await asyncio.to_thread(tool.is_ready):
                return tool
            if time.monotonic() > deadline:
                raise Unavailable(f"{name.partition('-')[0]} does not start", hint=str(tool.log))
            await asyncio.sleep(0.1)

    def _is_of_this_site(self) -> bool:
        return bool(self.token_authenticated or self.check_referer())


def make_way(application: Any) -> None:
    """Add the route to the tools, once; it is asked for before any tool is opened."""
    settings = application.settings
    if not settings.get("cloudml_pages"):
        settings["cloudml_pages"] = True
        application.add_handlers(".*$", [(url_path_join(settings["base_url"], PAGE), Page)])


def opened(name: str, shared: Any, base_url: str, said: dict[str, Any]) -> dict[str, str]:
    """Open ``mlflow`` on the runs of this server's user, or ``tensorboard`` on ``logdir`` below what the server shows.

    Raises:
        BadInput: the folder lies elsewhere, or is none.
        NotInstalled: TensorBoard is not.
    """
    if name == "tensorboard":
        folder = inside(shared.root or Path.cwd(), said.get("logdir") or ".")
        return _said(base_url, shared.tools.tensorboard(folder, os.environ))
    uri = where_runs_are(shared.session, os.environ, shared.root)
    tool = shared.tools.mlflow(uri, shared.session.home.root, os.environ)
    if isinstance(tool, str):
        return {"url": without_userinfo(tool), "state": "ready"}
    return _said(base_url, tool)


def _said(base_url: str, tool: Tool) -> dict[str, str]:
    return {
        "url": address(base_url, tool),
        "state": "ready" if tool.is_ready() else "starting",
    }
