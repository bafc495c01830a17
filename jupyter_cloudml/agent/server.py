"""The agent's socket: one JSON line in, one JSON line out, for this user only. It answers first and works then."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
from collections.abc import Callable, Mapping
from typing import Any

from ..core.errors import BadInput, CloudMLError
from ..core.ids import checked_job_id
from ..journal.home import DataHome
from ..journal.registry import Registry
from .environment import Environment
from .forwarding import Forwarding
from .housekeeping import Housekeeping
from .ledger import Capacity, Ledger
from .nudge import peer_uid, socket_address
from .reconcile import Reconciler
from .settings import Settings
from .warm.pool import Pool

log = logging.getLogger(__name__)

MAX_REQUEST = 1 << 20


async def serve(
    home: DataHome, environ: Mapping[str, str], *, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until ``stop``, SIGTERM or a long idle time. The caller holds the lock of the data directory.

    ``on_ready`` is called once, when the socket listens.
    """
    agent = Agent(home, environ)
    try:
        await agent.run(on_ready)
    finally:
        agent.close()


class Agent:
    """The parts of one agent, wired together, and its socket."""

    def __init__(self, home: DataHome, environ: Mapping[str, str]) -> None:
        self.home = home
        self.settings = Settings.from_environ(environ)
        self.registry = Registry(home.registry_db)
        self.pool = Pool(
            home,
            level=self.settings.preload,
            spares=self.settings.spares,
            on_change=self._on_pool_change,
        )
        self.ledger = Ledger(home, Capacity.detect(environ), owner_of=self._owner_of)
        self.forwarding = Forwarding(home, self.registry, self.pool, is_on=self.settings.forwards)
        self.reconciler = Reconciler(
            home=home,
            registry=self.registry,
            pool=self.pool,
            ledger=self.ledger,
            forwarding=self.forwarding,
            settings=self.settings,
        )
        self.housekeeping = Housekeeping(home, self.registry)
        self._stop = asyncio.Event()
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "ping": self._ping,
            "nudge": self._nudge,
            "warm": self._warm,
            "status": self._status,
            "stop": self._request_stop,
        }

    async def run(self, on_ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        old_mask = os.umask(0o177)
        try:
            with socket_address(self.home.agent_socket) as address:
                server = await asyncio.start_unix_server(self._talk, address, limit=MAX_REQUEST)
        finally:
            os.umask(old_mask)
        log.info("serving %s", self.home.root)
        on_ready()
        self.reconciler.look()
        try:
            while not await self._stopped_within(min(self.settings.idle_s, self.settings.tidy_s)):
                if self.reconciler.is_idle_for(self.settings.idle_s):
                    log.info("idle: leaving")
                    break
                if self.reconciler.is_idle_for(self.settings.tidy_s) and self.housekeeping.is_due():
                    await asyncio.to_thread(self.housekeeping.tidy_up)
        finally:
            server.close()
            self.home.agent_socket.unlink(missing_ok=True)

    def close(self) -> None:
        self.reconciler.close()
        self.forwarding.close()
        self.pool.stop()
        self.registry.close()

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if peer_uid(writer.get_extra_info("socket")) != os.geteuid():
                log.warning("refused another user")
                return
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as exc:
            log.info("a client went away: %s", exc)
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            message = json.loads(line)
            operation = self._operations.get(message["op"])
            if operation is None:
                raise BadInput(f"the agent has no operation {message['op']!r}")
            return {"ok": True, **operation(message)}
        except CloudMLError as exc:
            return {"ok": False, "error": exc.code, "message": exc.message, "hint": exc.hint}
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            return {"ok": False, "error": "bad-input", "message": f"not a request: {exc!r}"}

    # --- operations ---------------------------------------------------------------------------------------------------

    def _ping(self, message: dict[str, Any]) -> dict[str, Any]:
        del message
        return {"pid": os.getpid()}

    def _nudge(self, message: dict[str, Any]) -> dict[str, Any]:
        job_id = message.get("job")
        if job_id is not None:
            checked_job_id(job_id)
            self.reconciler.keep(
                job_id,
                secrets=message.get("secrets"),
                environ=message.get("environ"),
            )
        asyncio.get_running_loop().call_soon(self.reconciler.look, job_id)
        return {}

    def _warm(self, message: dict[str, Any]) -> dict[str, Any]:
        readiness = self.pool.warm(Environment.of(message["python"], dict(message["environ"])))
        self.reconciler.touch()
        self.forwarding.want()
        return {"ready": readiness.value}

    def _status(self, message: dict[str, Any]) -> dict[str, Any]:
        del message
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "pid": os.getpid(),
            "peak_rss": used.ru_maxrss * 1024,
            "cpu_s": used.ru_utime + used.ru_stime,
            "zygotes": self.pool.describe(),
            "forwarder": self.forwarding.pid,
            **self.reconciler.describe(),
        }

    def _request_stop(self, message: dict[str, Any]) -> dict[str, Any]:
        del message
        asyncio.get_running_loop().call_later(0.01, self._stop.set)
        return {}

    def _on_pool_change(self) -> None:
        self.forwarding.look()
        self.reconciler.start_what_fits()

    def _owner_of(self, pid: int) -> str:
        return self.reconciler.owner_of(pid)
