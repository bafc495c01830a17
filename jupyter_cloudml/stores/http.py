"""One request to a store over HTTP: who asks, what is tried again, what a refusal means.

Backend authors: ``requests`` comes with google-cloud-storage and with the extra for Azure; it is imported at the first
request. Certificates and proxies are those of the environment.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from ..core.errors import CloudMLError, NotInstalled, Unavailable
from .port import ObjectInfo, Page
from .transfer.source import Slice

ATTEMPTS = 5
FIRST_WAIT_S = 0.2
TIMEOUT_S = (10, 60)
POOL = 32
BLOCK = 1 << 20
_SENT_BLOCK = 256 << 10
RETRIED = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. ``path`` is below the client's endpoint, or a whole address.

    ``also`` are error statuses to give back, not to raise; ``again`` says whether it may be sent twice; the answer to a
    ``raw`` one is not unpacked.
    """

    method: str
    path: str
    uri: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Slice = b""
    also: Iterable[int] = ()
    again: bool = True
    raw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """Header names are lower-case. ``tries`` is how often it was sent: after more than one, an earlier one may have had its effect."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    tries: int


class Identity(Protocol):
    """Who asks. Safe for threads."""

    def signed(self, ask: Ask, address: str, *, refused: bool) -> Mapping[str, str]:
        """The headers of a request to ``address``; after ``refused`` with what can be renewed renewed."""
        ...

    def query(self) -> Mapping[str, str]:
        """What every address says of us."""
        ...

    def can_renew(self) -> bool:
        """Whether a 401 may be answered by something newer."""
        ...


class HttpClient:
    """Requests to one endpoint on connections that stay open. Safe for threads; a forked child gets its own."""

    def __init__(
        self,
        endpoint: str,
        identity: Identity,
        refusal: Callable[[int, Mapping[str, str], bytes, str], CloudMLError],
    ) -> None:
        self.endpoint = endpoint
        self._identity = identity
        self._refusal = refusal
        self._sessions: dict[int, Any] = {}
        self._lock = threading.Lock()

    def ask(self, ask: Ask) -> Got:
        """The whole answer.

        Raises:
            What a refusal means; ``Unavailable`` when no attempt got an answer.
        """
        refused = False
        for tries in range(1, ATTEMPTS + 1):
            is_last = tries == ATTEMPTS or not ask.again
            try:
                got = self._once(ask, tries, refused=refused)
            except _lost() as exc:
                if is_last:
                    raise _unavailable(ask, exc) from None
            else:
                if got.status < 400 or got.status in ask.also:
                    return got
                if got.status == 401 and not refused and self._identity.can_renew():
                    refused = True
                    continue
                if got.status not in RETRIED or is_last:
                    raise self._refusal(got.status, got.headers, got.body, ask.uri)
            time.sleep(FIRST_WAIT_S * 2 ** (tries - 1) * random.uniform(0.5, 1))  # noqa: S311
        raise Unavailable(f"{ask.uri}: no answer in {ATTEMPTS} attempts", hint="try again")

    def stream(self, ask: Ask, sink: Callable[[bytes], None]) -> Mapping[str, str]:
        """Give the answer's body to ``sink``, block by block as it comes; the answer's headers. Not tried again.

        Raises:
            As ``ask``; ``Unavailable`` when the link breaks, after what came has gone to the sink.
        """
        try:
            with self._opened(ask, refused=False) as response:
                if response.status_code >= 400:
                    status, body = response.status_code, response.raw.read()
                    raise self._refusal(status, _lower(response), body, ask.uri)
                while block := response.raw.read(BLOCK, decode_content=False):
                    sink(block)
                return _lower(response)
        except _lost() as exc:
            raise _unavailable(ask, exc) from None

    def _once(self, ask: Ask, tries: int, *, refused: bool) -> Got:
        with self._opened(ask, refused=refused) as response:
            body = response.raw.read(decode_content=not ask.raw)
            return Got(
                status=response.status_code, headers=_lower(response), body=body, tries=tries
            )

    def _opened(self, ask: Ask, *, refused: bool) -> Any:
        address = ask.path if "://" in ask.path else self.endpoint + ask.path
        query = urlencode({**ask.query, **self._identity.query()}, quote_via=quote)
        headers = {"Accept-Encoding": "gzip", "User-Agent": "jupyter-cloudml", **ask.headers}
        return self._session().send(
            ask.method,
            f"{address}?{query}" if query else address,
            {**headers, **self._identity.signed(ask, address, refused=refused)},
            ask.body,
        )

    def _session(self) -> Any:
        with self._lock:
            made = self._sessions.get(os.getpid())
            if made is None:
                made = self._sessions[os.getpid()] = _new_session(self.endpoint)
            return made


def walked(page: Callable[[str | None], Page]) -> Iterator[ObjectInfo]:
    """The objects of all pages; the next page is on its way while the one before is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="cloudml-walk") as ahead:
        coming = ahead.submit(page, None)
        while True:
            found = coming.result()
            if found.next is not None:
                coming = ahead.submit(page, found.next)
            yield from found.objects
            if found.next is None:
                return


class _Session:
    """The adapter of ``requests`` below its ``Session``, which costs as much again for each request: cookies,
    redirections, and another look for proxies and certificates, which are looked up here once."""

    def __init__(self, session: Any, endpoint: str) -> None:
        said = session.merge_environment_settings(endpoint, {}, None, None, None)
        self._how = {"verify": said["verify"], "cert": said["cert"], "proxies": said["proxies"]}
        self._adapter = session.get_adapter(endpoint)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | Slice) -> Any:
        from requests import PreparedRequest
        from requests.structures import CaseInsensitiveDict

        sent: Any = body or None
        length = len(body)
        if isinstance(body, Slice):
            sent, length = body.blocks(), length - body.tell()
        elif length > _SENT_BLOCK:
            sent = _cut(body)
        request = PreparedRequest()
        request.method, request.url, request.body = method, url, sent
        request.headers = CaseInsensitiveDict(headers)
        if length or method in ("PUT", "POST"):
            request.headers["Content-Length"] = str(length)
        return self._adapter.send(request, stream=True, timeout=TIMEOUT_S, **self._how)


def _new_session(endpoint: str) -> _Session:
    try:
        import requests
        from requests.adapters import HTTPAdapter
    except ImportError as exc:
        raise NotInstalled("this store needs requests", hint="pip install requests") from exc
    session = requests.Session()
    pools = _patient_pools()

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *words: Any, **named: Any) -> None:
            super().init_poolmanager(*words, **named)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *words: Any, **named: Any) -> Any:
            manager = super().proxy_manager_for(*words, **named)
            manager.pool_classes_by_scheme = pools
            return manager

    session.mount(endpoint, Adapter(pool_connections=4, pool_maxsize=POOL))
    return _Session(session, endpoint)


def _patient_pools() -> dict[str, Any]:
    """urllib3's, but a block of a body may take as long to go out as an answer to come in, not only as long as
    connecting may: a slow link is not a broken one."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, connection

    class Patient:
        sock: Any

        def send(self, data: Any) -> None:
            if self.sock is not None:
                self.sock.settimeout(TIMEOUT_S[1])
            super().send(data)  # type: ignore[misc]

    class Plain(Patient, connection.HTTPConnection):
        pass

    class Secured(Patient, connection.HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecuredPool(HTTPSConnectionPool):
        ConnectionCls = Secured

    return {"http": PlainPool, "https": SecuredPool}


def _cut(body: bytes) -> Iterator[memoryview]:
    """In blocks: the time limit of a socket is one for all that it is given at once."""
    view = memoryview(body)
    for start in range(0, len(body), _SENT_BLOCK):
        yield view[start : start + _SENT_BLOCK]


def _lower(response: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _lost() -> tuple[type[Exception], ...]:
    """What a broken connection raises."""
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    return (RequestException, HTTPError, ConnectionError)


def _unavailable(ask: Ask, exc: Exception) -> Unavailable:
    """Without the library's own words, which hold the address and with it a signature."""
    words = {"ConnectTimeout": "does not connect", "ReadTimeout": "does not answer in time"}
    return Unavailable(
        f"{ask.uri}: the store {words.get(type(exc).__name__, 'broke the connection')}",
        hint="see whether the endpoint is right and up, then try again",
    )
