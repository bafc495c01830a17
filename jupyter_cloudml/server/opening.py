"""The route that opens a tool: MLflow's pages or TensorBoard."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base import TOOLS, Handler, may
from .proxy import address

if TYPE_CHECKING:
    from .extension import Shared
    from .tools import Tool


class OpenTool(Handler):
    """Started where it does not run."""

    @may("execute", TOOLS)
    async def post(self, name: str) -> None:
        shared, base_url, body = self.shared, self.base_url, self.body()
        await self.answer(lambda: _opened(name, shared, base_url, body))


def _opened(name: str, shared: Shared, base_url: str, said: dict[str, Any]) -> dict[str, str]:
    """Open ``mlflow`` on the runs of this server's user, or ``tensorboard`` on ``logdir`` below what the server shows.

    Raises:
        BadInput: the folder lies elsewhere, or is none.
        NotInstalled: TensorBoard is not.
    """
    from ..client.notebooks import inside
    from ..client.runs import where_runs_are
    from ..tracking.config import without_userinfo

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
        "url": address(base_url, tool.name),
        "state": "ready" if tool.is_ready() else "starting",
    }
