"""Kernels to be killed: a process that has imported the client and forks, on demand, one that submits and follows jobs.

Run as a script: one JSON line in (``{"ledger", "seed", "trace", "die_at"}``), the pid of a new kernel out. Each kernel writes
what it does and learns into its ledger, one line an event, so that a kill leaves the truth: ``trying``, ``acknowledged``,
``refused``, ``ended``. With ``die_at`` it kills itself at that instant of its first submission.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

SOURCE = """\
import os, time
_trace = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
os.write(_trace, f"{os.environ['CLOUDML_JOB_ID']} {os.getpid()}\\n".encode())
for _step in range(steps):
    print(f"step {_step} of {label}")
    cloudml.log(step=_step, loss=_step * 0.5)
    numbers.append(_step)
    time.sleep(pause_s)
total = sum(numbers)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One job as its kernel meant it; everything that must come of it follows."""

    label: str
    steps: int
    pause_s: float
    retries: int
    bulk: int = 0

    @property
    def text(self) -> str:
        return "".join(f"step {step} of {self.label}\n" for step in range(self.steps))

    @property
    def points(self) -> list[tuple[int, float]]:
        return [(step, step * 0.5) for step in range(self.steps)]

    @property
    def numbers(self) -> list[int]:
        return [1000, *range(self.steps)]


def plan(dice: random.Random, label: str) -> Plan:
    steps = dice.randint(2, 12)
    return Plan(
        label=label,
        steps=steps,
        pause_s=dice.uniform(0.1, 0.6) / steps,
        retries=dice.choice((0, 0, 0, 1, 3)),
        bulk=dice.choice((0, 0, 0, 200_000)),
    )


def submit(wanted: Plan, trace: str) -> Any:
    """Send the job of ``wanted`` off; its `Job`."""
    import jupyter_cloudml as cloudml

    numbers = [1000]
    namespace = {
        "__name__": "__main__",
        "cloudml": cloudml,
        "trace": trace,
        "label": wanted.label,
        "steps": wanted.steps,
        "pause_s": wanted.pause_s,
        "numbers": numbers,
    }
    source = SOURCE
    if wanted.bulk:  # big enough for blobs of its own
        namespace["bulk"] = bytearray(random.Random(wanted.label).randbytes(wanted.bulk))
        source += "bulk.reverse()\n"
    return cloudml.submit(source, namespace=namespace, name=wanted.label, retries=wanted.retries)


def live(ledger: int, seed: str, trace: str, die_at: int) -> NoReturn:
    """Submit a job, follow it to its end, and again, until killed."""
    from jupyter_cloudml.core.errors import CloudMLError

    from . import dying

    def say(word: str, **fields: Any) -> None:
        os.write(ledger, json.dumps({"word": word, **fields}).encode() + b"\n")

    dice = random.Random(seed)
    number = 0
    while True:
        wanted = plan(dice, f"{seed}-{number}")
        number += 1
        say("trying", plan=asdict(wanted))
        try:
            if die_at:
                dying.die_at(die_at)
            job = submit(wanted, trace)
            sys.setprofile(None)
        except CloudMLError as exc:
            say("refused", label=wanted.label, error=f"{type(exc).__name__}: {exc}")
            continue
        say("acknowledged", label=wanted.label, job=job.id)
        try:
            total = job.result(timeout=120)["total"]
            say("ended", job=job.id, state=job.state.value, total=total)
        except CloudMLError as exc:
            say("ended", job=job.id, state=type(exc).__name__, error=str(exc))
        except BaseException as exc:
            say("broken", job=job.id, error=f"{type(exc).__name__}: {exc}")
            raise


def main() -> None:
    import jupyter_cloudml.client.job
    import jupyter_cloudml.client.python  # noqa: F401 - once, for every kernel to come

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            path, flags = order["ledger"], os.O_WRONLY | os.O_APPEND | os.O_CREAT
            try:
                ledger = os.open(path, flags, 0o600)
                live(ledger, order["seed"], order["trace"], order["die_at"])
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(1)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
