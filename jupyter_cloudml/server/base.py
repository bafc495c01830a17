"""What every handler does: let in who may, run the call beside the loop, answer in JSON, say errors in one sentence."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError, authenticated

if TYPE_CHECKING:
    from ..core.errors import CloudMLError
    from .extension import Shared

JOBS, RUNS, TARGETS = "cloudml:jobs", "cloudml:runs", "cloudml:targets"
DATA, CONFIG, TOOLS = "cloudml:data", "cloudml:config", "cloudml:tools"
"""The resources that an authorizer grants ``read``, ``write`` or ``execute`` on."""

_STATUS = {
    "bad-input": 400,
    "unknown-target": 400,
    "cannot-travel": 400,
    "too-large": 400,
    "refused": 400,
    "not-found": 404,
    "permission-denied": 403,
    "unauthorised": 403,
    "unavailable": 503,
    "mlflow-internal": 503,
}
_CONFLICT = 409
_CODES = {400: "bad-input", 403: "forbidden", 404: "not-found", 405: "no-such-method"}
_MOST = 10**12


_Method = Callable[..., Coroutine[Any, Any, None]]


def may(action: str, resource: str) -> Callable[[_Method], _Method]:
    """Only for a user whom the server knows, and to whom its authorizer grants ``action`` on ``resource``; else 403.

    Every verb of every handler has a decorator of its own: Jupyter's keeps what it first saw.
    """

    def decorate(method: _Method) -> _Method:
        closed = authenticated(authorized(action, resource=resource)(method))
        closed.leave = action, resource  # type: ignore[attr-defined]
        return cast("_Method", closed)

    return decorate


class Closed(JupyterHandler):
    """A route that is closed to whom it is not open, whatever the verb; nobody is sent to a page of login.

    Who asks with a verb that the route does not have needs the same leave as for one that it has: 403, and with it 405.
    """

    SUPPORTED_METHODS = (*JupyterHandler.SUPPORTED_METHODS, "TRACE")

    @property
    def shared(self) -> Shared:
        shared: Shared = self.settings["cloudml"]
        return shared

    async def prepare(self) -> None:  # type: ignore[override]
        """Let nobody pass whom the server does not know, nor a verb that the route does not have."""
        await ensure_async(super().prepare())
        if self._is_preflight():
            return
        if not self.current_user:
            raise HTTPError(403)
        verbs = {verb: getattr(self, verb.lower()) for verb in self.SUPPORTED_METHODS}
        leaves = {verb: of.leave for verb, of in verbs.items() if hasattr(of, "leave")}
        if self.request.method not in leaves:
            await self._refuse_verb(*next(iter(leaves.values())))

    async def _refuse_verb(self, action: str, resource: str) -> NoReturn:
        has_leave = self.authorizer.is_authorized(self, self.current_user, action, resource)
        raise HTTPError(405 if await ensure_async(has_leave) else 403)

    def trace(self) -> None:
        """Never reached; Jupyter looks for a method of that name before it looks who asks."""

    def get_login_url(self) -> str:
        raise HTTPError(403)

    def _is_preflight(self) -> bool:
        return False


class Handler(Closed, APIHandler):
    """Base of the routes that answer in JSON. A call of the client runs in a thread: nothing here blocks the loop."""

    _track_activity = False
    """A card that looks at its job keeps no idle server alive; JupyterHub's culler looks at this."""

    def _is_preflight(self) -> bool:
        """Whether a browser asks if a page of another site may send us a token: Jupyter answers, and says nothing of us."""
        asks = {"Origin", "Access-Control-Request-Method"} <= set(self.request.headers)
        return self.request.method == "OPTIONS" and asks

    async def answer(self, call: Callable[[], Any]) -> None:
        """Finish with what ``call`` returns, as strict JSON."""
        text = await asyncio.to_thread(lambda: strict_json(call()))
        self.finish(text)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """``{"message", "hint", "code"}``, and never a traceback."""
        error = kwargs.get("exc_info", (None, None))[1]
        self.finish(json.dumps(self._said(status_code, error)))

    def _said(self, status: int, error: BaseException | None) -> dict[str, str]:
        from ..core.errors import CloudMLError

        if isinstance(error, CloudMLError):
            self.set_status(status_of(error))
            return {"message": error.message, "hint": error.hint, "code": error.code}
        code = _CODES.get(status, "internal")
        message = error.log_message if isinstance(error, HTTPError) else None
        if status >= 500:
            return {
                "message": "the CloudML server extension failed",
                "hint": "the server's log says more",
                "code": code,
            }
        return {"message": message or self._reason, "hint": "", "code": code}

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """A user's mistake is no news for the server's log; what is broken is."""
        from ..core.errors import CloudMLError

        if isinstance(value, CloudMLError):
            self.log.debug("cloudml: %s", value)
        else:
            super().log_exception(typ, value, tb)

    # --- what the request says -----------------------------------------------------------------------------------------

    def word(self, name: str) -> str:
        """A query parameter; empty when it is not there."""
        return self.get_query_argument(name, "") or ""

    def words(self, name: str) -> tuple[str, ...]:
        """A query parameter that is a list: repeated, or with commas."""
        parts = (part for text in self.get_query_arguments(name) for part in text.split(","))
        return tuple(part.strip() for part in parts if part.strip())

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """A query parameter that is one of ``choices``; the first where it is not there.

        Raises:
            BadInput: it is another word.
        """
        word = self.word(name) or choices[0]
        if word not in choices:
            raise self.bad(f"{name}={word!r} is none of {', '.join(choices)}")
        return word

    def number(self, name: str, default: int, *, least: int = 0, most: int = _MOST) -> int:
        """A query parameter that is a whole number.

        Raises:
            BadInput: it is none, or out of range.
        """
        text = self.word(name)
        if not text:
            return default
        is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
        if not is_number or not least <= int(text) <= most:
            raise self.bad(f"{name}={text[:40]!r} is not a whole number from {least} to {most}")
        return int(text)

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent; empty when nothing was.

        Raises:
            BadInput: it is no JSON object.
        """
        if not self.request.body.strip():
            return {}
        try:
            value = json.loads(self.request.body)
        except (ValueError, RecursionError) as exc:
            raise self.bad(f"the request is not JSON: {exc}") from exc
        if not isinstance(value, dict):
            raise self.bad("the request is no JSON object")
        return value

    @staticmethod
    def bad(message: str, hint: str = "") -> CloudMLError:
        from ..core.errors import BadInput

        return BadInput(message, hint=hint)


def status_of(error: CloudMLError) -> int:
    """The HTTP status of an error: whose fault it is, and whether trying again helps."""
    return _STATUS.get(error.code, _CONFLICT)


def strict_json(value: Any) -> str:
    """``value`` as JSON that a browser reads: a number that JSON has no form for becomes null."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
